import { setTimeout as pause } from "node:timers/promises";
import { callContext, isSecretsError } from "@keyhold/core";
import type { Credential, Holder } from "./credential.ts";
import type { World } from "./world.ts";

/** What the table's columns say. `holder` stands for ours or a naive one over the same sources. */
export type Column = "signature" | "audience" | "expiry" | "refresh" | "401 replay";
export const columns: readonly Column[] = ["signature", "audience", "expiry", "refresh", "401 replay"];

type HolderOf = (credential: Credential) => Promise<Holder>;

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const contextOf = ({ clock }: World) => callContext({ clock, deadlineMs: 20_000 });

/** The error of a proof that is wrong. */
async function refused(credential: Credential, wrong: "signature" | "audience" | "expiry", world: World): Promise<void> {
  const holder = await credential.holder(wrong);
  const error = await holder.get(contextOf(world)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  demand(isSecretsError(error, "unauthenticated"), `a proof with a wrong ${wrong} was not refused`);
}

async function accepted(credential: Credential, value: unknown): Promise<boolean> {
  return credential.accept(value).then(
    () => true,
    () => false,
  );
}

/** The checks, by column. A column that is missing does not apply to this credential. */
export async function checksOf(
  credential: Credential,
  holderOf: HolderOf,
  world: World,
  patience = 500,
): Promise<Readonly<Partial<Record<Column, () => Promise<void>>>>> {
  const { clock } = world;
  const { lifetimeMs, wrongs } = credential;
  const bound = wrongs.includes("audience") || (await holderOf(credential)).elsewhere !== undefined;
  const issued = (): number => credential.issued?.() ?? 0;

  const signature = async () => {
    const value = await (await holderOf(credential)).get(contextOf(world));
    demand(await accepted(credential, value), "the service does not take the credential");
    if (wrongs.includes("signature")) await refused(credential, "signature", world);
  };

  const audience = async () => {
    const holder = await holderOf(credential);
    const value = await holder.elsewhere?.(contextOf(world));
    demand(value === undefined || !(await accepted(credential, value)), "the service takes what was made for another one");
    if (wrongs.includes("audience")) await refused(credential, "audience", world);
  };

  const expiry = async () => {
    const holder = await holderOf(credential);
    await holder.get(contextOf(world));
    // Shortly before the end, as seen from here, a request could arrive after it.
    await clock.advance((lifetimeMs ?? 0) - 5_000);
    const value = await holder.get(contextOf(world));
    await clock.advance(60_000);
    demand(await accepted(credential, value), "a credential was given out that ended on the way");
    if (wrongs.includes("expiry")) await refused(credential, "expiry", world);
  };

  const refresh = async () => {
    const holder = await holderOf(credential);
    const before = issued();
    const values = await Promise.all(Array.from({ length: 20 }, () => holder.get(contextOf(world))));
    demand(new Set(values).size === 1, "those who waited together got different credentials");
    demand((await holder.get(contextOf(world))) === values[0], "a good credential was replaced");
    demand(issued() - before <= 1, "the credential was made more than once");
    await clock.advance((lifetimeMs ?? 0) - 2 * 60_000);
    const late = await holder.get(contextOf(world));
    demand(await accepted(credential, late), "a credential near its end was not good");
    for (let tries = 0; tries < patience && (await holder.get(contextOf(world))) === values[0]; tries += 1) await pause(10);
    demand((await holder.get(contextOf(world))) !== values[0], "a credential near its end was not renewed");
    demand(issued() - before <= 2, "the credential was renewed more than once");
  };

  const replay = async () => {
    const holder = await holderOf(credential);
    const first = await holder.get(contextOf(world));
    // What is made here within the same second is the same text.
    await clock.advance(2_000);
    credential.revoke(first);
    demand(!(await accepted(credential, first)), "the service still takes a revoked credential");
    const before = issued();
    demand(holder.reject(first), "a first refusal gave no other try");
    const seconds = await Promise.all(
      Array.from({ length: 20 }, async () => {
        holder.reject(first);
        return holder.get(contextOf(world));
      }),
    );
    demand(new Set(seconds).size === 1, "a late refusal of the old credential threw the new one away");
    demand(await accepted(credential, seconds[0]), "the credential after a refusal is not good");
    demand(issued() - before <= 1, "the credential was made again more than once");
    demand(!holder.reject(seconds[0]), "a refusal that stands led to more sign-ins");
  };

  return {
    signature,
    ...(bound ? { audience } : {}),
    ...(lifetimeMs === undefined ? {} : { expiry, refresh }),
    "401 replay": replay,
  };
}

import { createSecrets, type Provider, type SecretsEvent } from "@keyhold/core";
import { tokenAuth, vault } from "@keyhold/vault";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DatabaseLogins, startDatabaseLogins } from "./database-logins.ts";
import { writeFigure } from "./figures.ts";
import { watchStandstill } from "./standstill.ts";

const reference = "vault://database/creds/app";
let logins: DatabaseLogins;
beforeAll(async () => {
  logins = await startDatabaseLogins({ ttlSeconds: 5, maxTtlSeconds: 20 });
});
afterAll(() => logins?.close());

/** Signs in again and again by four callers, without a second try. */
async function load(provider: Provider, forMs: number) {
  const events: SecretsEvent[] = [];
  const onEvent = (event: SecretsEvent) => void events.push(event);
  const secrets = createSecrets({ providers: { vault: provider }, overlapMs: 2_000, onEvent });
  const refusals: string[] = [];
  const users = new Set<string | undefined>();
  let signedIn = 0;
  const endsAt = performance.now() + forMs;
  const standstill = watchStandstill();
  const callers = Array.from({ length: 4 }, async () => {
    while (performance.now() < endsAt) {
      const startedAt = performance.now();
      const login = await secrets.get(reference);
      users.add(login.version);
      const refusal = await logins.signIn(login.json());
      if (refusal === undefined) signedIn += 1;
      // A lease that ends while the machine stands still, between the look at the login and its use, is nobody's fault.
      else if (standstill.since(startedAt) < 1_000) refusals.push(refusal);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  await Promise.all(callers);
  standstill.end();
  await secrets.close();
  return { signedIn, refusals, users: users.size, events };
}

const open = () => vault({ address: logins.bao.url, auth: tokenAuth(logins.bao.rootToken) });

describe("a database role with leases of 5 s that live 20 s at the most", () => {
  it("signs in under load for a minute without one refusal, and leaves nothing behind", async () => {
    const { signedIn, refusals, users, events } = await load(open(), 60_000);
    const [leases, left] = [await logins.leases(), await logins.users()];
    console.log(
      `database role, 60 s of load: ${refusals.length} of ${signedIn + refusals.length} refused with ${users} users one after the other; ` +
        `after close ${leases.length} leases, ${left.length} roles`,
    );
    writeFigure("leases", {
      figure: `${refusals.length} failed of ${signedIn + refusals.length}; after close ${leases.length} leases, ${left.length} roles`,
    });
    expect(refusals).toEqual([]);
    expect(signedIn).toBeGreaterThan(500);
    expect(users).toBeGreaterThanOrEqual(3);
    expect(events.filter(({ type }) => type === "revocation-failed")).toEqual([]);
    expect([leases, left]).toEqual([[], []]);
  });

  it("refuses who reads the login once and holds it, as caches without leases do", async () => {
    const provider = open();
    const read: Provider["read"] = async (...call) => {
      const { lease: _dropped, ...record } = await provider.read(...call);
      return record;
    };
    const { signedIn, refusals } = await load({ ...provider, read }, 15_000);
    console.log(`  control, renewal off: ${refusals.length} of ${signedIn + refusals.length} refused`);
    writeFigure("leases", { control: `renewal off: ${refusals.length} failed of ${signedIn + refusals.length}` }, "control");
    expect(refusals.length).toBeGreaterThan(0);
  });
});

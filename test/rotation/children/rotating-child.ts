// Ends what an earlier run left, and rotates once more; kills itself at the moment that it is told. Without one, says which there are.
import { type Content, type Locator, type Provider, type Rotator, secret } from "@keyhold/core";
import { postgres } from "@keyhold/rotation";
import pg from "pg";
import { type KillPlace, open, providerOf, referenceTo } from "../kill-place.ts";

interface Order {
  readonly place: KillPlace;
  readonly name: string;
  readonly strategy: "alternating" | "single";
  readonly admin: string;
  readonly moment: string | undefined;
  /** Without a pending value: sets the password, and then writes it. */
  readonly naive?: boolean;
}

const order = JSON.parse(process.argv[2] as string) as Order;
const { place, name, strategy, admin } = order;
let armed = false;
const moments: string[] = [];

function at(moment: string): void {
  if (!armed) return;
  moments.push(moment);
  if (moment === order.moment) process.kill(process.pid, "SIGKILL");
}

/** Around a call, and in the middle of it: after it was sent, or half of a file was written. */
async function around<T>(what: string, work: () => Promise<T>): Promise<T> {
  at(`before ${what}`);
  const working = work();
  if (armed && order.moment === `during ${what}`) setTimeout(() => at(`during ${what}`), 1);
  else if (armed) moments.push(`during ${what}`);
  const result = await working;
  at(`after ${what}`);
  return result;
}

function watched(provider: Provider): Provider {
  const { pending } = provider;
  const label = (locator: Locator, content: Content) => {
    if (!locator.path.endsWith("-keyhold-pending")) return "promoting";
    return JSON.stringify(content).includes("pending") ? "keeping" : "clearing";
  };
  return {
    ...provider,
    write: (locator, content, options, context) =>
      around(label(locator, content), () => provider.write!(locator, content, options, context)),
    ...(pending && {
      pending: {
        stage: pending.stage,
        state: pending.state,
        add: (...words) => around("keeping", () => pending.add(...words)),
        promote: (...words) => around("promoting", () => pending.promote(...words)),
        clear: (...words) => around("clearing", () => pending.clear(...words)),
      },
    }),
  };
}

const rotator: Rotator = postgres({
  strategy,
  admin: () => secret(admin),
  client(config) {
    const client = new pg.Client({ ...config });
    const query = client.query.bind(client);
    client.query = (async (...words: [string]) => {
      const result = await (query as any)(...words);
      const statement = /^(begin|alter|commit)/.exec(words[0])?.[1];
      if (statement !== undefined) at(`after ${statement}`);
      return result;
    }) as never;
    return client;
  },
});

const secrets = open(watched(await providerOf(place)));
const reference = referenceTo(place, name);

async function rotate(): Promise<boolean> {
  if (!order.naive) {
    const onProgress = ({ step, state }: { step: string; state: string }) => state !== "skipped" && at(`${step} ${state}`);
    return (await secrets.rotate(reference, rotator, { onProgress })).resumed;
  }
  const step = {
    reference,
    rotationId: "",
    current: await secrets.get(reference, { fresh: true }),
    signal: new AbortController().signal,
    confirm: async () => {},
  };
  const value = (await rotator.create(step)) as Record<string, string>;
  await rotator.set?.(secret(JSON.stringify(value)), step);
  at("between setting and writing");
  await secrets.put(reference, value);
  return false;
}

if (!order.naive) console.log(JSON.stringify({ resumed: await rotate() }));
armed = true;
if (order.moment !== "none") await rotate();
await secrets.close();
console.log(JSON.stringify({ moments: [...new Set(moments)] }));

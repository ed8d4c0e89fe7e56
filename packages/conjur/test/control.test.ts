import type { Clock } from "@keyhold/core";
import { callContext, findLeak, manualClock } from "@keyhold/testing";
import { expect, it } from "vitest";
import { naiveConjur, type Reader } from "./naive-conjur.ts";
import { outcomeOf, type Started, start, textOf } from "./start.ts";

const ids = ["a/one", "a/two", "a/three", "a/four", "a/five"];

/** The adapter, seen as the twin is. */
function ours(started: Started, clock: Clock): Reader {
  const provider = started.open();
  const context = () => callContext({ clock });
  return {
    async read(path) {
      const { content, version } = await provider.read({ path }, context());
      return { text: textOf(content), version };
    },
    async readMany(paths) {
      const outcomes =
        (await provider.readMany?.(
          paths.map((path) => ({ path })),
          context(),
        )) ?? [];
      return outcomes.map(outcomeOf);
    },
    close: async () => provider.close?.(),
  };
}

interface Scene {
  readonly started: Started;
  readonly reader: Reader;
  readonly clock: ReturnType<typeof manualClock>;
}

const values = (paths: readonly string[]) => paths.map((path) => `value of ${path}`);

/** What a user may count on. Each fails by throwing. */
const rules: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  "one sign-in for twenty callers": async ({ started, reader }) => {
    await Promise.all(Array.from({ length: 20 }, () => reader.read("a/one")));
    expect(started.signIns()).toBe(1);
  },
  "reads go on after the token's eight minutes": async ({ reader, clock }) => {
    await reader.read("a/one");
    await clock.advance(9 * 60_000);
    expect((await reader.read("a/one")).text).toBe("value of a/one");
  },
  "one that is missing takes no other along": async ({ reader }) => {
    expect(await reader.readMany([...ids, "a/none"])).toEqual([...values(ids), "not-found"]);
  },
  "an id that stands twice is read twice": async ({ reader }) => {
    expect(await reader.readMany([...ids, "a/one"])).toEqual(values([...ids, "a/one"]));
  },
  "an id with a comma is read with others": async ({ reader }) => {
    expect(await reader.readMany([...ids, "a/b,c"])).toEqual(values([...ids, "a/b,c"]));
  },
  "ids with slashes, spaces and percent signs are read": async ({ started, reader }) => {
    for (const id of ["a/one", "a/with space", "a/per%41cent", "a/what?#"])
      expect((await reader.read(id)).text).toBe(`value of ${id}`);
    expect(started.server.violations).toEqual([]);
  },
  "bytes spoil no batch": async ({ started, reader }) => {
    started.server.seed("a/five", Buffer.from([0xff, 0xfe]));
    expect((await reader.readMany(ids)).slice(0, 4)).toEqual(values(ids.slice(0, 4)));
  },
  "a value stands under its own version, though it changes meanwhile": async ({ started, reader }) => {
    await reader.read("a/two");
    const changed = Promise.withResolvers<void>();
    started.server.faults.next({ kind: "held", until: changed.promise }, { match: /^GET \/resources/ });
    const reading = reader.read("a/one");
    await expect.poll(() => started.server.faults.pending).toBe(0);
    started.server.seed("a/one", "value 2");
    changed.resolve();
    const { text, version } = await reading;
    expect(version === "1" ? "value of a/one" : "value 2").toBe(text);
  },
  "a web page is no value": async ({ started, reader }) => {
    started.server.faults.next({ kind: "html" }, { match: /^GET \/secrets/ });
    await expect(reader.read("a/one")).rejects.toBeInstanceOf(Error);
  },
  "no failure shows the token": async ({ started, reader }) => {
    const error = await reader.read("a/none").catch((thrown: unknown) => thrown);
    const token = started.server.requests.findLast(({ request }) => request.headers.authorization)?.request.headers.authorization;
    expect(findLeak(error, [String(token)])).toBeUndefined();
  },
};

const broken: string[] = [];
const readers = { keyhold: ours, naive: ({ server }: Started) => naiveConjur(server) } as const;

for (const [rule, run] of Object.entries(rules)) {
  it(`${rule}: the adapter holds to it, the naive twin is tried beside it`, async () => {
    for (const [name, make] of Object.entries(readers)) {
      const clock = manualClock();
      const odd = [...ids, "a/b,c", "a/with space", "a/per%41cent", "a/what?#"];
      const started = await start(odd.map((id) => `- !variable ${JSON.stringify(id)}`).join("\n"), { clock });
      for (const id of odd) started.server.seed(id, `value of ${id}`);
      try {
        await run({ started, reader: make(started, clock), clock });
        if (name === "keyhold") expect(started.server.violations).toEqual([]);
      } catch (error) {
        if (name === "keyhold") throw error;
        broken.push(rule);
      } finally {
        await started.close();
      }
    }
  });
}

it("the naive twin breaks nearly all of them", () => {
  console.log(`conjur: of ${Object.keys(rules).length} rules the adapter breaks 0, its naive twin ${broken.length}`);
  expect(broken.length).toBeGreaterThanOrEqual(8);
});

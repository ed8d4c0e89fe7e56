import fc from "fast-check";
import type { Settings } from "./reference-model.ts";
import type { Mode } from "./scripted-backend.ts";
import { universe, World, writable } from "./world.ts";

/** One thing that happens. */
interface Operation {
  readonly name: string;
  /** False where there was nothing to do. */
  run(world: World): unknown;
}

const operation = <T>(name: string, values: fc.Arbitrary<T>, run: (world: World, value: T) => unknown) =>
  values.map((value): Operation & { toString(): string } => ({
    name,
    run: (world) => run(world, value),
    toString: () => `${name} ${JSON.stringify(value)}`,
  }));

// Few keys, so that callers meet; all kinds of reference to them.
const wanted = fc.constantFrom(...universe);
const path = fc.constantFrom(...writable);
const demand = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.record({ maxAgeMs: fc.constantFrom(0, 1, 500, 5_000, 60_000) }),
  fc.constant({ fresh: true }),
);
const modes: readonly Mode[] = [
  "hang",
  "unavailable",
  "timeout",
  "rate-limited",
  "permission-denied",
  "unauthenticated",
  "not-found",
  "unknown",
];
const mode = fc.oneof({ weight: 2, arbitrary: fc.constant<Mode>("up") }, fc.constantFrom(...modes));
// Around the edges of what the settings say, and far beyond them.
const step = fc.oneof(
  fc.constantFrom(0, 1, 50, 100, 499, 1_000, 8_000, 10_000, 12_000, 60_000, 3_700_000),
  fc.integer({ min: 0, max: 15_000 }),
);
const back = fc.constantFrom(1, 1_000, 20_000, 900_000);

const operations: fc.Arbitrary<Operation>[] = [
  operation("get", wanted, (world, one) => world.getPlainly(one)),
  operation("get", wanted, (world, one) => world.getPlainly(one)),
  operation("get with options", fc.tuple(wanted, demand), (world, [one, how]) => world.get(one, how)),
  operation("get with options", fc.tuple(wanted, demand), (world, [one, how]) => world.get(one, how)),
  operation("getMany", fc.tuple(fc.array(wanted, { maxLength: 5 }), demand), (world, [all, how]) => world.getMany(all, how)),
  operation("peek", wanted, (world, one) => world.peek(one)),
  operation("refresh", wanted, (world, one) => world.refresh(one)),
  operation("abort", fc.nat(20), (world, which) => world.abort(which)),
  operation("put", path, (world, one) => world.put(one)),
  operation("write", path, (world, one) => world.write(one)),
  operation("remove", path, (world, one) => world.remove(one)),
  operation("backend", fc.tuple(mode, fc.constantFrom(0, 0, 100, 2_000)), (world, [how, ms]) => world.turnBackend(how, ms)),
  operation("pass", step, (world, ms) => world.pass(ms)),
  operation("pass", step, (world, ms) => world.pass(ms)),
  operation("pass", step, (world, ms) => world.pass(ms)),
  operation("thaw", step, (world, ms) => world.setWall(ms)),
  operation("set back", back, (world, ms) => world.setWall(-ms)),
  operation("pass unseen", step, (world, ms) => world.passUnseen(ms)),
];

const settings: fc.Arbitrary<Settings> = fc.record({
  ttlMs: fc.constantFrom(10_000, 10_000, 1_000, 300_000),
  maxStaleMs: fc.constantFrom(60_000, 3_600_000, 0),
  negativeMs: fc.constantFrom(5_000, 0),
  maxEntries: fc.constantFrom(1_000, 1_000, 3, 1),
  maxBytes: fc.constantFrom(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 600),
  deadlineMs: fc.constantFrom(10_000, 1_500),
  random: fc.constantFrom(0, 0.25, 0.5, 0.999),
});

export interface Told {
  readonly histories: number;
  /** How often each thing happened. */
  readonly operations: Readonly<Record<string, number>>;
  /** Why the last history failed, with the shortest way there where that was looked for. */
  readonly failure: string | undefined;
}

/** Runs random histories of the client beside the model, until one fails. */
export async function runHistories({ runs, seed, shrink }: { runs: number; seed: number; shrink: boolean }): Promise<Told> {
  const counted: Record<string, number> = {};
  const commands = fc.commands(
    operations.map((arbitrary) =>
      arbitrary.map((one) => ({
        check: () => true,
        run: async (_model: object, world: World) => {
          if ((await one.run(world)) !== false) counted[one.name] = (counted[one.name] ?? 0) + 1;
        },
        toString: () => String(one),
      })),
    ),
    { maxCommands: 80, size: "max" },
  );
  const details = await fc.check(
    fc.asyncProperty(settings, commands, async (chosen, history) => {
      const world = new World(chosen);
      await fc.asyncModelRun(() => ({ model: {}, real: world }), history);
      await world.end();
    }),
    { numRuns: runs, seed, endOnFailure: !shrink },
  );
  const failure = details.failed ? `${String(details.errorInstance)}\n${fc.defaultReportMessage(details)}` : undefined;
  return { histories: details.numRuns, operations: counted, failure };
}

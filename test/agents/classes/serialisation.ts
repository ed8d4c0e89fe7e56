import { inspect, isDeepStrictEqual } from "node:util";
import { serialize } from "node:v8";
import type { AttackTable } from "../attack.ts";

/** Everything that hangs on a value, by any key, with getters read. */
function walk(value: unknown, seen: Set<unknown> = new Set()): string[] {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return [String(value)];
  seen.add(value);
  const keys = [...Reflect.ownKeys(value), ...Reflect.ownKeys(Object.getPrototypeOf(value) ?? {})];
  return keys.flatMap((key) => {
    try {
      return [String(key), ...walk((value as Record<PropertyKey, unknown>)[key], seen)];
    } catch {
      return [];
    }
  });
}

const withoutFunctions = (config: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => typeof value !== "function"));

/** The agent is written to a file, a queue, a store of checkpoints. */
export const serialisation: AttackTable = [
  ["as JSON", ({ config, say }) => say(JSON.stringify(config))],
  [
    "as JSON, with what hides itself brought back",
    ({ config, say }) =>
      say(
        JSON.stringify(config, (_key, value) => (typeof value === "function" ? Object.getOwnPropertyDescriptors(value) : value)),
      ),
  ],
  ["by V8", ({ config, say }) => say(serialize(withoutFunctions(config)).toString("latin1"))],
  ["by a structured clone", ({ config, say }) => say(structuredClone(withoutFunctions(config)))],
  [
    "as a constructor and its arguments",
    ({ config, key, say }) =>
      say(
        JSON.stringify({ lc: 1, type: "constructor", id: ["langchain", "tools", "Search"], kwargs: { ...config, api_key: key } }),
      ),
  ],
  ["by a walk over everything", ({ config, say }) => say(walk(config).join("\n"))],
  [
    "by a walk, after it was used",
    async ({ config, ask, fetch, say }) => {
      await (await ask()).text();
      say(walk([config, fetch]).join("\n"));
    },
  ],
  [
    "by inspection of all that is hidden",
    async ({ config, ask, say }) => {
      await (await ask()).text();
      say(inspect(config, { depth: 20, showHidden: true, getters: true, showProxy: true, maxStringLength: null }));
    },
  ],
  [
    "as the environment of a program",
    ({ config, say }) =>
      say(
        Object.entries(config)
          .map(([name, value]) => `${name.toUpperCase()}=${String(value)}`)
          .join("\n"),
      ),
  ],
  ["as the difference of two states", ({ config, say }) => say([isDeepStrictEqual(config, {}), { before: {}, after: config }])],
];

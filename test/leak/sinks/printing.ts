import { EventEmitter, once } from "node:events";
import { start } from "node:repl";
import { PassThrough } from "node:stream";
import { format, formatWithOptions, inspect } from "node:util";
import { collector, everything, printed, type Sinks } from "../sink.ts";

class Holder {
  readonly held: unknown;
  constructor(held: unknown) {
    this.held = held;
  }
}

/** What people and programs print on purpose. */
export const printing: Sinks = {
  "console.log": (value) => printed((console) => console.log(value)),
  "console.error beside a text": (value) => printed((console) => console.error("failed:", value)),
  "console.dir with everything shown": (value) => printed((console) => console.dir(value, everything)),
  "console.dirxml": (value) => printed((console) => console.dirxml(value)),
  "console.table": (value) => printed((console) => console.table([{ value }, value])),
  "console.trace": (value) => printed((console) => console.trace(value)),
  "console.group": (value) => printed((console) => console.group(value)),
  "console.assert": (value) => printed((console) => console.assert(false, value)),
  "console.count by label": (value) => printed((console) => console.count(value)),
  "console.timeLog": (value) =>
    printed((console) => {
      console.time("t");
      console.timeLog("t", value);
    }),
  inspect: (value) => inspect(value),
  "inspect with everything shown": (value) => inspect(value, everything),
  "inspect without custom inspection": (value) => inspect(value, { ...everything, customInspect: false }),
  "inspect of a proxy": (value) =>
    inspect(new Proxy(Object(value), {}), { ...everything, showProxy: true, customInspect: false }),
  "inspect of an object that inherits from it": (value) =>
    inspect(Object.create(Object(value)), { ...everything, customInspect: false }),
  "inspect in a map, as key and value": (value) => inspect(new Map([[value, value]]), everything),
  "inspect in a set": (value) => inspect(new Set([value]), everything),
  "inspect deep in arrays and objects": (value) => inspect([[{ a: { b: [value] } }]], everything),
  "inspect in a field of a class": (value) => inspect(new Holder(value), everything),
  "inspect in a weak map": (value) => inspect(new WeakMap([[{}, value]]), everything),
  "inspect in a promise": (value) => inspect(Promise.resolve(value), everything),
  "inspect in a map's iterator": (value) => inspect(new Map([[1, value]]).entries(), everything),
  "inspect in an event emitter": (value) => inspect(Object.assign(new EventEmitter(), { value }), everything),
  "format with %s": (value) => format("%s", value),
  "format with %j": (value) => format("%j", { value }),
  "format with %o": (value) => format("%o", value),
  "format with %O": (value) => formatWithOptions(everything, "%O", value),
  "format of a further argument": (value) => format("value:", value),
  "the REPL": async (value) => {
    const { stream, output } = collector();
    const input = new PassThrough();
    const repl = start({ input, output: stream, terminal: false });
    repl.context.value = value;
    input.end("value\n_\n({ value })\n");
    await once(repl, "exit");
    return output();
  },
};

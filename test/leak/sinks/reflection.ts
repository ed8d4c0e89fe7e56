import { inspect } from "node:util";
import { everything, printed, type Sinks, shown } from "../sink.ts";
import type { Anything } from "../subject.ts";

const raw = { ...everything, customInspect: false } as const;

/** Every value that can be reached over properties and getters, without calling a method. */
function walk(start: Anything): unknown[] {
  const seen = new Set<unknown>();
  const visit = (value: Anything, receiver: unknown): void => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      let found: unknown = descriptor?.value;
      try {
        if (descriptor?.get) found = Reflect.get(value, key, receiver);
      } catch (error) {
        found = shown(error);
      }
      if (typeof found === "object" && found !== null) visit(found, found);
      else if (typeof found !== "function") seen.add(found);
    }
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) visit(prototype, receiver);
  };
  visit(Object(start), start);
  return [...seen].filter((item) => typeof item !== "function");
}

/** Replaces a built-in for the time of `work`, and gives every object and argument that went through it. */
function spied(targets: readonly [Anything, PropertyKey][], work: () => void): unknown[] {
  const seen: unknown[] = [];
  const restore = targets.map(([owner, key]) => {
    const original = Object.getOwnPropertyDescriptor(owner, key);
    const spy = function (this: unknown, ...words: unknown[]): unknown {
      if (seen.length < 500) seen.push(this, ...words);
      return original?.value.apply(this, words);
    };
    Object.defineProperty(owner, key, { ...original, value: spy });
    return () => Object.defineProperty(owner, key, original as PropertyDescriptor);
  });
  try {
    work();
  } finally {
    for (const undo of restore) undo();
  }
  return seen;
}

/** What looks at objects instead of asking them. */
export const reflection: Sinks = {
  spread: (value) => inspect({ ...value }, raw),
  "an array's spread": (value) => inspect([...(value[Symbol.iterator] ? value : Object.values(value))], raw),
  "Object.assign": (value) => inspect(Object.assign({}, value), raw),
  "Object.entries": (value) => inspect(Object.entries(value), raw),
  "Object.values": (value) => inspect(Object.values(value), raw),
  "for in": (value) => {
    const found: unknown[] = [];
    for (const key in Object(value)) found.push(key, value[key]);
    return inspect(found, raw);
  },
  "all own keys": (value) =>
    inspect(
      Reflect.ownKeys(Object(value)).map((key) => [key, value[key]]),
      raw,
    ),
  "property descriptors": (value) => inspect(Object.getOwnPropertyDescriptors(Object(value)), raw),
  "a walk over properties and getters": (value) => walk(value).map((item) => inspect(item, raw)),
  "a proxy as the receiver of every method": (value) => {
    const target = Object(value);
    const proxy = new Proxy(target, {});
    return ["text", "bytes", "json", "field", "toString", "valueOf"].map((name) => {
      try {
        return inspect(proxy[name]?.("password"), raw);
      } catch (error) {
        return shown(error);
      }
    });
  },
  "an object that takes over its methods": (value) => {
    const thief = Object.setPrototypeOf({}, Object.getPrototypeOf(Object(value)));
    Object.assign(thief, value);
    return inspect(thief, raw);
  },
  "a subclass": (value) => {
    const { constructor: Owner } = Object(value);
    class Thief extends Owner {
      readonly stolen: unknown;
      constructor(...words: unknown[]) {
        super(...words);
        this.stolen = words;
      }
    }
    const thief = new Thief(value, value);
    return [inspect(thief, raw), inspect(Object.getOwnPropertyDescriptors(Owner), raw)];
  },
  "another prototype": (value) => {
    const target = Object(value);
    Reflect.setPrototypeOf(target, { [inspect.custom]: undefined });
    return inspect(target, raw);
  },
  "a polluted Object.prototype": (_value, { subject, text, shape }) => {
    const seen: unknown[] = [];
    const names = ["value", "text", "bytes", "held", "content", "toJSON"];
    // Without a prototype: a descriptor would inherit what was put there by the one before.
    const trap = Object.assign(Object.create(null), {
      configurable: true,
      get: () => undefined,
      set: (item: unknown) => seen.push(item),
    });
    try {
      for (const name of names) Object.defineProperty(Object.prototype, name, trap);
      const value = subject.wrap(text, shape);
      return [JSON.stringify({ value }), ...seen.map((item) => inspect(item, raw))];
    } finally {
      for (const name of names) Reflect.deleteProperty(Object.prototype, name);
    }
  },
  "patched built-ins while it is printed": (value) => {
    const targets: [Anything, PropertyKey][] = [
      [WeakMap.prototype, "get"],
      [Map.prototype, "get"],
      [Reflect, "get"],
      [Object, "freeze"],
      [JSON, "stringify"],
      [TextEncoder.prototype, "encode"],
      [TextDecoder.prototype, "decode"],
      [Buffer, "from"],
      [String.prototype, "slice"],
      [Function.prototype, "call"],
    ];
    const seen = spied(targets, () => {
      void `${value}`;
      JSON.stringify({ value });
      printed((console) => console.log(value));
    });
    return seen.map((item) => inspect(item, raw));
  },
  "call sites of its own errors": (value) => {
    const before = Error.prepareStackTrace;
    const seen: unknown[] = [];
    Error.prepareStackTrace = (error, sites) => {
      for (const site of sites) seen.push(site.getThis(), site.getFunction(), site.getTypeName(), String(site));
      return String(error);
    };
    try {
      void value.field("absent").stack;
    } catch (error) {
      void (error as Error).stack;
      seen.push(value);
    } finally {
      Error.prepareStackTrace = before;
    }
    return seen.map((item) => inspect(item, raw));
  },
  "Error.captureStackTrace on it": (value) => {
    const target = Object.isExtensible(Object(value)) ? value : { value };
    Error.captureStackTrace(target);
    return inspect(target, raw);
  },
};

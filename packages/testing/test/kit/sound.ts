import { type Content, type ErrorCode, type Locator, type Provider, SecretsError } from "@keyhold/core";
import { type Fault, faulty, type Harness, type MemoryOptions, memory } from "@keyhold/testing";

export interface Base extends MemoryOptions {
  /** A backend that holds text only. */
  readonly textOnly?: boolean;
}

const isText = (content: Content) => content.kind === "fields" || typeof content.value === "string";

/** memory(), with a stage that stands on the current version: together the three bases show every feature there is. */
export function soundProvider({ textOnly = false, ...options }: Base = {}): Provider {
  const inner = memory({
    pageSize: 3,
    leaseMs: 60_000,
    secrets: { leased: options.fields ? { user: "app" } : "app" },
    ...options,
  });
  return {
    ...inner,
    features: { ...inner.features, stages: true, binary: !textOnly },
    read: async ({ stage, ...locator }, context) => {
      if (stage !== undefined && stage !== "current") throw new SecretsError("not-found", "there is no such stage");
      return inner.read(locator, context);
    },
    write: async (locator, content, more, context) => {
      if (textOnly && !isText(content)) throw new SecretsError("invalid-argument", "no bytes", { hint: "Give text." });
      return inner.write!(locator, content, more, context);
    },
  };
}

const fails = (fault: Fault) => () => ({ provider: faulty(memory(), { first: [fault] }) });

/** A harness under which every rule holds and every code is driven. */
export function soundHarness(base: Base = {}): Harness {
  return {
    create: () => soundProvider(base),
    breakIt: {
      "permission-denied": fails("permission-denied"),
      unauthenticated: fails("unauthenticated"),
      "rate-limited": fails("rate-limited"),
      unavailable: fails("unavailable"),
      timeout: fails("hang"),
      unsupported: fails("unsupported"),
      decode: fails("decode"),
      unknown: fails("unknown"),
    },
    canaries: () => ["credential-0123456789"],
    maxBytes: base.fields ? 1024 * 1024 - Buffer.byteLength('{"value":""}') : 1024 * 1024,
    stage: "current",
    leased: () => ({ path: "leased" }),
    timeoutMs: 2_000,
    watchWithinMs: 250,
  };
}

/** A provider or a harness that breaks one rule. */
export interface Broken {
  /** The title of the case that has to catch it. */
  readonly caughtBy: string;
  /** What is wrong with it. */
  readonly fault: string;
  readonly base?: Base;
  /** What the broken provider does otherwise. */
  readonly spoil?: (sound: Provider) => Partial<Provider>;
  /** What the broken harness says otherwise. */
  readonly harness?: Partial<Harness>;
}

export function brokenHarness({ base, spoil, harness }: Broken): Harness {
  const create = () => {
    const sound = soundProvider(base);
    return { ...sound, ...spoil?.(sound) };
  };
  return { ...soundHarness(base), create, ...harness };
}

/** Spoils every path on its way in. */
export const mangle =
  (change: (path: string) => string) =>
  ({ read, write }: Provider): Partial<Provider> => {
    const at = (locator: Locator) => ({ ...locator, path: change(locator.path) });
    return {
      read: async (locator, context) => read(at(locator), context),
      write: async (locator, content, options, context) => write!(at(locator), content, options, context),
    };
  };

/** Spoils every text on its way out. */
export const garble =
  (change: (text: string) => string) =>
  ({ read }: Provider): Partial<Provider> => ({
    read: async (locator, context) => {
      const record = await read(locator, context);
      const { content } = record;
      if (content.kind === "fields" || typeof content.value !== "string") return record;
      return { ...record, content: { ...content, value: change(content.value) } };
    },
  });

/** Spoils every byte sequence on its way out. */
export const garbleBytes =
  (change: (bytes: Uint8Array) => Uint8Array | string) =>
  ({ read }: Provider): Partial<Provider> => ({
    read: async (locator, context) => {
      const record = await read(locator, context);
      const { content } = record;
      if (content.kind === "fields" || typeof content.value === "string") return record;
      return { ...record, content: { ...content, value: change(content.value) } };
    },
  });

/** Turns every failure of `read` into something else. */
export const failWith =
  (wrong: (error: SecretsError, path: string) => unknown) =>
  ({ read }: Provider): Partial<Provider> => ({
    read: (locator, context) =>
      read(locator, context).catch((error) => {
        throw wrong(error, locator.path);
      }),
  });

/** A situation that gives another code than it should. */
export const gives = (wanted: ErrorCode, given: Fault): Partial<Harness> => ({
  breakIt: { ...soundHarness().breakIt, [wanted]: fails(given) },
});

import type { Provider } from "@keyhold/core";

/** The control: what a program writes that wants "a class for secrets" and stops at TypeScript's `private`. */
export class NaiveSecret {
  private readonly value: unknown;
  readonly version = "7";

  constructor(value: unknown) {
    this.value = value;
  }

  text(): string {
    return String(this.value);
  }

  field(name: string): NaiveSecret {
    const found = (this.value as Record<string, unknown>)[name];
    if (found === undefined) throw new Error(`no field ${name} in ${JSON.stringify(this.value)}`);
    return new NaiveSecret(found);
  }

  json(schema?: { parse(value: unknown): unknown }): unknown {
    const parsed: unknown = JSON.parse(this.text());
    return schema ? schema.parse(parsed) : parsed;
  }
}

/** The control of `parseReference`: it says what it did not understand. */
export function parseNaiveReference(text: string): { provider: string; path: string } {
  const match = /^([a-z]+):\/\/([\w/-]+)(?:#(\w+))?$/.exec(text);
  if (!match) throw new Error(`malformed reference: ${text}`);
  return { provider: match[1] ?? "", path: match[2] ?? "" };
}

/** The control of `createSecrets`: a cache, helpful messages, and the vendor's error as the cause. */
export function createNaiveSecrets(provider: Provider, onEvent: (event: unknown) => void = () => {}): unknown {
  const cache = new Map<string, NaiveSecret>();
  const context = { signal: new AbortController().signal, deadlineAt: Number.POSITIVE_INFINITY, clock: undefined as never };
  const explained = async <T>(reference: string, work: () => Promise<T> | undefined): Promise<T> => {
    try {
      return (await work()) as T;
    } catch (error) {
      throw new Error(`vault failed for ${reference}: ${(error as Error).message}`, { cause: error });
    }
  };
  const get = async (reference: string) => {
    const { path } = parseNaiveReference(reference);
    const { content } = await explained(reference, () => provider.read({ path }, context));
    const secret = new NaiveSecret(content.kind === "opaque" ? content.value : content.fields);
    cache.set(reference, secret);
    return secret;
  };
  return {
    cache,
    get,
    getMany: (references: readonly string[], { settle = false } = {}) =>
      settle
        ? Promise.allSettled(references.map(get)).then((all) =>
            all.map((one) => (one.status === "fulfilled" ? one.value : one.reason)),
          )
        : Promise.all(references.map(get)),
    put: (reference: string, value: string) =>
      explained(reference, () => provider.write?.({ path: reference }, { kind: "opaque", value }, {}, context)),
    async *watch(reference: string) {
      for await (const _change of provider.watch?.({ path: reference }, context) ?? []) yield await get(reference);
    },
    async handle(reference: string) {
      const handle = { current: await get(reference) };
      const follow = async () => {
        for await (const _change of provider.watch?.({ path: reference }, context) ?? []) handle.current = await get(reference);
      };
      follow().catch((error) => onEvent({ type: "watch-failed", error }));
      return handle;
    },
    use: async (reference: string, run: (secret: NaiveSecret) => unknown) => run(await get(reference)),
    list: () => provider.list?.({ prefix: "" }, context),
    close: () => provider.close?.().catch((error) => onEvent({ type: "close-failed", error })),
  };
}

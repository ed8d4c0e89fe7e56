import { type CacheOptions, createSecrets, type Provider, type Secrets } from "@keyhold/core";

export const referenceTo = (index: number): string => `aws://prod/service-${index}`;

export const secretText = (index: number): string => `the value of secret number ${index}`;

/** A backend that answers at once, so that only the client is measured. */
const backend: Provider = {
  kind: "bench",
  features: { versions: false, stages: false, binary: false, leases: false },
  read: async ({ path }) => ({
    content: { kind: "opaque", value: secretText(Number(path.slice(path.lastIndexOf("-") + 1))) },
    version: "1",
  }),
};

/** A client that holds these secrets. The defaults hold 1,000. */
export async function heldSecrets(references: readonly string[], cache: CacheOptions = {}): Promise<Secrets<"aws">> {
  const secrets = createSecrets({ providers: { aws: backend }, cache });
  for (let from = 0; from < references.length; from += 1_000)
    await secrets.getMany(references.slice(from, from + 1_000) as readonly "aws://"[]);
  return secrets;
}

/** The same order in every run and for every contender: what is asked for next must not lie next to what was asked for last. */
export function shuffled(count: number): readonly string[] {
  const references = Array.from({ length: count }, (_none, index) => referenceTo(index));
  let seed = 42;
  for (let last = count - 1; last > 0; last -= 1) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    const other = seed % (last + 1);
    [references[last], references[other]] = [references[other] as string, references[last] as string];
  }
  return references;
}

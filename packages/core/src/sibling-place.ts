import type { Content } from "./content.ts";
import { isSecretsError } from "./errors.ts";
import type { CallContext, Locator, Provider, SecretRecord } from "./provider.ts";
import { type RotationPlace, type RotationState, rotationId } from "./rotation-place.ts";
import { parseRecord, pendingPath, type RotationRecord, recordContent } from "./rotation-record.ts";
import { secretFromContent } from "./secret.ts";

export interface SiblingSettings {
  readonly provider: Provider;
  readonly path: string;
  readonly reference: string;
  /** Whether writes are compared with the version that was seen. Without, a claim has to keep others out. */
  readonly compare: boolean;
  call<T>(work: (context: CallContext) => Promise<T>): Promise<T>;
}

const orNothing = (error: unknown) => (isSecretsError(error, "not-found") ? undefined : Promise.reject(error));
const same = (a: Content, b: Content) => secretFromContent(a).equals(secretFromContent(b));

/**
 * The pending value under a name beside the secret's own, for backends without stages. The record there is only ever written over
 * the version that was seen, and so is the secret, so that of two rotations one wins each step.
 */
export function siblingPlace({ provider, path, reference, compare, call }: SiblingSettings): RotationPlace {
  const sibling: Locator = { path: pendingPath(path) };
  const over = (version: string | null) => (compare ? { ifVersion: version } : {});
  const write = (locator: Locator, content: Content, version: string | null) =>
    call((context) => provider.write!(locator, content, over(version), context));
  const read = (locator: Locator) => call((context) => provider.read(locator, context));
  const asFields = provider.features.fields === true;

  /** By its version; where versions also count what is no content, by what was kept. */
  const isFrom = (record: RotationRecord, current: SecretRecord) =>
    current.version === record.from || (record.replaced !== undefined && same(current.content, record.replaced));

  return {
    async look() {
      // The record first: a secret that is read after it can only be newer, and then the record is refused as stale.
      const beside = await read(sibling).catch(orNothing);
      const current = await read({ path });
      const record = beside && parseRecord(beside.content, reference);
      const base = { current, ...(beside === undefined ? {} : { recordVersion: beside.version }) };
      if (record === undefined) return { ...base, id: rotationId(path, current.version), stale: false };
      const isCurrent = same(current.content, record.pending);
      if (!isCurrent && !isFrom(record, current)) return { ...base, id: rotationId(path, current.version), stale: true };
      const replaced = !isCurrent
        ? current
        : record.replaced === undefined
          ? // A backend that keeps few versions may have dropped it.
            await read({ path, version: record.from }).catch(orNothing)
          : { content: record.replaced, version: record.from };
      const { id, pending: content, from } = record;
      return { ...base, id, stale: false, pending: { content, isCurrent, from, replaced } };
    },

    async add({ current, id, recordVersion }, content) {
      const kept = provider.features.versions ? {} : { replaced: current.content };
      const record = { id, from: current.version, pending: content, ...kept };
      await write(sibling, recordContent(record, asFields), recordVersion ?? null);
    },

    async promote({ current, pending }: RotationState) {
      await write({ path }, pending!.content, current.version);
    },

    async clear({ recordVersion }) {
      // Written over, not removed: a removal cannot be compared everywhere, and Azure keeps a removed name for days.
      await write(sibling, recordContent(undefined, asFields), recordVersion!).catch((error) => {
        if (!isSecretsError(error, "conflict")) throw error;
      });
    },
  };
}

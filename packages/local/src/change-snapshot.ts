import type { SnapshotChanges } from "@keyhold/core";
import { encodeEntry, entryAt, type SnapshotEntries, type SnapshotEntry } from "./snapshot-format.ts";

/** As many as a client holds by default; as large as is encrypted in some tens of milliseconds, which the event loop waits for. */
const most = { entries: 1_000, bytes: 1024 * 1024 };
/** Further in the future, the wall clock was wrong when it was written, and its age is unknown. */
const clockStepMs = 60_000;

/**
 * The snapshot after these changes, as encoded entries, newest first; undefined when nothing changes. What is too old goes, and what
 * is over the bounds, the oldest first.
 *
 * An erased entry stays as a mark while it could still be that old: another process that read the value before may have yet to
 * write it.
 */
export function changeSnapshot(
  before: SnapshotEntries,
  { records, erased }: SnapshotChanges,
  { now, maxAgeMs }: { readonly now: number; readonly maxAgeMs: number },
): readonly string[] | undefined {
  const isInTime = (entry: SnapshotEntry) => now - entryAt(entry) > -clockStepMs && now - entryAt(entry) < maxAgeMs;
  const entries = new Map([...before].filter(([, entry]) => isInTime(entry)));
  let isChanged = entries.size < before.size;
  const set = (reference: string, entry: SnapshotEntry) => {
    const known = entries.get(reference);
    if (known !== undefined && entryAt(known) > entryAt(entry)) return;
    entries.set(reference, entry);
    isChanged = true;
  };
  for (const [path, erasedAt] of erased) {
    for (const reference of [...entries.keys()])
      if (reference === path || reference.startsWith(`${path}?`)) set(reference, { erasedAt });
  }
  for (const [reference, record] of records) if (isInTime(record)) set(reference, record);
  if (!isChanged) return undefined;

  const newestFirst = [...entries].sort(([, a], [, b]) => entryAt(b) - entryAt(a)).slice(0, most.entries);
  const kept: string[] = [];
  let bytes = 0;
  for (const [reference, entry] of newestFirst) {
    const text = encodeEntry(reference, entry);
    // One that is too large alone does not take the older ones with it.
    if (bytes + Buffer.byteLength(text) > most.bytes) continue;
    bytes += Buffer.byteLength(text);
    kept.push(text);
  }
  return kept;
}

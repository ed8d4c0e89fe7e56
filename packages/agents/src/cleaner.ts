/** Takes what must not stand in a stream of bytes out of it, across the borders of chunks. */
export interface Cleaner {
  /** What is clean so far. Held back is only what may be the beginning of a match. */
  push(chunk: Uint8Array): Uint8Array;
  /** The rest, when nothing more comes. */
  end(): Uint8Array;
}

const none = new Uint8Array();

/** Stands where a value stood. Plain ASCII, so that it fits headers, JSON, and text in any encoding. */
export const mark = "[secret]";

interface Match {
  readonly start: number;
  readonly end: number;
}

function matches(bytes: Buffer, needles: readonly Uint8Array[]): Match[] {
  const found: Match[] = [];
  for (const needle of needles) {
    let start = bytes.indexOf(needle);
    while (start !== -1) {
      found.push({ start, end: start + needle.length });
      start = bytes.indexOf(needle, start + 1);
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** How many of the last bytes are the beginning of a needle. */
function unfinished(bytes: Buffer, needles: readonly Uint8Array[]): number {
  let most = 0;
  for (const needle of needles) {
    for (let length = Math.min(needle.length - 1, bytes.length); length > most; length -= 1) {
      if (bytes[bytes.length - length] === needle[0] && bytes.compare(needle, 0, length, bytes.length - length) === 0)
        most = length;
    }
  }
  return most;
}

/** Replaces every occurrence of the needles, which may overlap, by `[secret]`. They are asked for anew with each chunk. */
export function createCleaner(needlesNow: () => readonly Uint8Array[]): Cleaner {
  const replacement = Buffer.from(mark);
  let held: Buffer = Buffer.alloc(0);
  /** How many of the held bytes belong to a match that was replaced already. */
  let replaced = 0;

  const advance = (chunk: Uint8Array, isEnd: boolean): Uint8Array => {
    const needles = needlesNow();
    const bytes = Buffer.concat([held, chunk]);
    const end = bytes.length - (isEnd ? 0 : unfinished(bytes, needles));
    const parts: Uint8Array[] = [];
    let position = replaced;
    for (const match of matches(bytes, needles)) {
      // What begins within the held bytes is found again with the next chunk.
      if (match.start >= end) break;
      if (match.start >= position) parts.push(bytes.subarray(position, match.start), replacement);
      position = Math.max(position, match.end);
    }
    if (position < end) parts.push(bytes.subarray(position, end));
    held = bytes.subarray(end);
    replaced = Math.max(0, position - end);
    return parts.length === 0 ? none : Buffer.concat(parts);
  };

  return {
    push: (chunk) => advance(chunk, false),
    end: () => advance(none, true),
  };
}

/** Cleans a whole text, such as a header, whose characters are bytes. */
export function cleanText(text: string, needles: readonly Uint8Array[]): string {
  const cleaner = createCleaner(() => needles);
  return Buffer.concat([cleaner.push(Buffer.from(text, "latin1")), cleaner.end()]).toString("latin1");
}

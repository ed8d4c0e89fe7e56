import fc from "fast-check";
import { expect, it } from "vitest";
import { crc32c } from "../src/crc32c.ts";

const numRuns = Number(process.env.KEYHOLD_RUNS ?? 200);

/** The same by long division, one bit at a time, from the polynomial as it is written: slow and plain. */
function byDivision(bytes: Uint8Array): number {
  let remainder = 0xffffffffn;
  for (const byte of bytes) {
    for (let bit = 0n; bit < 8n; bit++) {
      const incoming = (BigInt(byte) >> bit) & 1n;
      const outgoing = remainder & 1n;
      remainder >>= 1n;
      if (incoming !== outgoing) remainder ^= 0x82f63b78n;
    }
  }
  return Number(remainder ^ 0xffffffffn);
}

it.each([
  ["nothing", new Uint8Array(), 0],
  ["the digits 1 to 9", Buffer.from("123456789"), 3_808_858_755],
  // https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
  ["32 zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 bytes of ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["0 to 31", Uint8Array.from({ length: 32 }, (_byte, index) => index), 0x46dd794e],
])("the checksum of %s is the published one", (_name, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

it("any bytes have the checksum that long division gives", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => crc32c(bytes) === byDivision(bytes)),
    { numRuns },
  );
});

it("a changed bit changes it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), (bytes, position) => {
      const changed = Uint8Array.from(bytes);
      const index = Math.floor(position / 8) % changed.length;
      changed[index] = (changed[index] as number) ^ (1 << (position % 8));
      return crc32c(changed) !== crc32c(bytes);
    }),
    { numRuns },
  );
});

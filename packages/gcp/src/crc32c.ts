let table: Uint32Array | undefined;

/** One entry for each byte, for the polynomial 0x1EDC6F41 in its reflected form. */
function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_entry, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
    return remainder;
  });
}

/**
 * CRC-32C (Castagnoli) as an unsigned number: 3808858755 for the text `123456789`.
 * https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
 */
export function crc32c(bytes: Uint8Array): number {
  table ??= makeTable();
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = (remainder >>> 8) ^ (table[(remainder ^ byte) & 0xff] as number);
  return ~remainder >>> 0;
}

// The library takes 100 ms to load, so it loads with the first file that is opened.
type Age = typeof import("age-encryption");

let loading: Promise<Age> | undefined;

export function loadAge(): Promise<Age> {
  loading ??= import("age-encryption");
  return loading;
}

const binaryStart = "age-encryption.org/";
const armorStart = "-----BEGIN AGE ENCRYPTED FILE-----";

/** Whether a file says of itself that age made it, as text or as bytes. */
export function isAgeFile(bytes: Uint8Array): boolean {
  const start = Buffer.from(bytes.subarray(0, 64)).toString("latin1").trimStart();
  return start.startsWith(binaryStart) || start.startsWith(armorStart);
}

/** The binary form of an age file. Throws the library's own error. */
export async function withoutArmor(bytes: Uint8Array): Promise<Uint8Array> {
  if (Buffer.from(bytes.subarray(0, binaryStart.length)).toString("latin1") === binaryStart) return bytes;
  const { armor } = await loadAge();
  return armor.decode(Buffer.from(bytes).toString("latin1"));
}

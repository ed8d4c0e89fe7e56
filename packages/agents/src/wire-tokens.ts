/**
 * Stands for a value inside this process, from the check of a request until its bytes are written: tracing, debug output and
 * `diagnostics_channel` see requests before that. It serves once, and nobody outside knows it.
 */
export function createWireToken(): string {
  return `keyhold1${process.getBuiltinModule("node:crypto").randomBytes(16).toString("hex")}`;
}

/** Every wire token in a text. */
export const wireTokens: RegExp = /keyhold1[0-9a-f]{32}/g;

import type { Secret } from "@keyhold/core";

/** The secret as a password alone; undefined where it is a URL, a document or fields. */
export function plainPassword(secret: Secret): string | undefined {
  try {
    const text = secret.text();
    return /^\w+:\/\/|^\s*\{/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

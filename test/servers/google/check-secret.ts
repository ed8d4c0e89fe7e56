import { GoogleError } from "./google-error.ts";
import type { Message } from "./secret-manager.ts";

const invalid = (message: string): GoogleError => new GoogleError("INVALID_ARGUMENT", message);

/** Milliseconds of `12.5s`. */
export function durationMs(text: unknown): number {
  const seconds = /^(\d+(?:\.\d{1,9})?)s$/.exec(String(text))?.[1];
  if (seconds === undefined) throw invalid("The duration is not valid.");
  return Number(seconds) * 1000;
}

/** What the service demands of a Secret that a client sends. */
export function checkSecret(secret: Message, nowMs: number): void {
  const labels = Object.entries<string>(secret.labels ?? {});
  if (labels.length > 64) throw invalid("There can be at most 64 labels.");
  for (const [key, value] of labels) {
    if (!/^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u.test(key)) throw invalid("A label's key is not valid.");
    if (!/^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u.test(value)) throw invalid("A label's value is not valid.");
  }
  const annotations = Object.entries<string>(secret.annotations ?? {});
  const size = annotations.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (size >= 16 * 1024) throw invalid("Annotations must be smaller than 16 KiB.");
  if (!annotations.every(([key]) => /^[a-z0-9A-Z]([\w.-]{0,61}[a-z0-9A-Z])?$/.test(key)))
    throw invalid("An annotation's key is not valid.");
  const aliases = Object.keys(secret.versionAliases ?? {});
  if (aliases.length > 50) throw invalid("There can be at most 50 aliases.");
  if (!aliases.every((alias) => /^[A-Za-z][\w-]{0,62}$/.test(alias) && alias !== "latest" && alias !== "NEW")) {
    throw invalid("An alias is not valid.");
  }
  if (secret.ttl !== undefined && secret.expireTime !== undefined) throw invalid("Only one of ttl and expireTime can be set.");
  if (secret.ttl !== undefined) durationMs(secret.ttl);
  if (secret.expireTime !== undefined && !(Date.parse(secret.expireTime) > nowMs)) throw invalid("expireTime must lie ahead.");
}

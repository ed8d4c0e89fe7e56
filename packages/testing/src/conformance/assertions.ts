import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { type Content, type ErrorCode, isSecretsError, type SecretRecord, type SecretsError } from "@keyhold/core";

/** How long a call may take to end once it was told to, in milliseconds: at once, on a machine that is busy. */
export const promptMs = 1_500;

/** Waits at most `ms` milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const fail = () => reject(new assert.AssertionError({ message: `${what} took longer than ${ms} ms` }));
    // After a stall of the whole process the timer comes first: what arrived meanwhile still counts.
    timer = setTimeout(() => setImmediate(fail), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asserts that a call fails with one of `codes`, and gives the error. */
export async function failsWith(call: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<SecretsError> {
  let given: unknown;
  try {
    given = await call;
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    assert.ok(isSecretsError(error), `expected a SecretsError ${codes.join(" or ")}, got another error: ${String(error)}`);
    assert.ok(codes.includes(error.code), `expected ${codes.join(" or ")}, got ${error.code}: ${error.message}`);
    return error;
  }
  assert.fail(`expected ${codes.join(" or ")}, but the call succeeded with ${given === null ? "null" : typeof given}`);
}

/** Text and its UTF-8 bytes count as the same: some backends give back bytes only. */
function comparable(content: Content): unknown {
  const bytes = (value: unknown) =>
    typeof value === "string" || value instanceof Uint8Array ? Buffer.from(value as string) : value;
  if (content.kind === "opaque") return bytes(content.value);
  return new Map(Object.entries(content.fields).map(([name, value]) => [name, bytes(value)]));
}

function differsAt(found: Content, wanted: Content): string {
  if (found.kind !== wanted.kind) return `it is ${found.kind} instead of ${wanted.kind}`;
  if (found.kind === "fields" || wanted.kind === "fields") return "its fields differ";
  const [is, should] = [Buffer.from(found.value as string), Buffer.from(wanted.value as string)];
  const index = should.findIndex((byte, position) => byte !== is[position]);
  return `it has ${is.byteLength} bytes instead of ${should.byteLength}, and differs from byte ${index === -1 ? should.byteLength : index}`;
}

/** Whether two contents are the same to a user. */
export function sameContent(found: Content, wanted: Content): boolean {
  return found.kind === wanted.kind && isDeepStrictEqual(comparable(found), comparable(wanted));
}

/** Asserts that a record holds exactly this content and a version. */
export function holds(record: SecretRecord, content: Content): void {
  assert.ok(
    typeof record === "object" && record !== null,
    `read gave ${record === null ? "null" : typeof record} instead of a record`,
  );
  assert.ok(typeof record.content === "object" && record.content !== null, "the record has no content");
  // No deepEqual: to print what differs in a large value takes it gigabytes.
  assert.ok(sameContent(record.content, content), `not the content that was stored: ${differsAt(record.content, content)}`);
  isVersion(record.version);
}

/** Asserts that a version is a text that is not empty. */
export function isVersion(version: unknown): asserts version is string {
  assert.ok(typeof version === "string" && version !== "", `a version is a text that is not empty, not ${typeof version}`);
}

/** Asserts that a time, where there is one, is in milliseconds and near the present. */
export function isTime(at: number | undefined, name: string): void {
  if (at === undefined) return;
  const dayMs = 86_400_000;
  assert.ok(Math.abs(at - Date.now()) < dayMs, `${name} is not in milliseconds since 1970: ${at}`);
}

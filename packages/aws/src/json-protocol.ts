import { SecretsError } from "@keyhold/core";
import type { HttpResponse } from "@keyhold/http";

export const jsonType = "application/x-amz-json-1.1";

/** Secrets Manager's own names for members that JSON has no type for. */
const times: ReadonlySet<string> = new Set(["CreatedDate", "LastChangedDate", "DeletedDate"]);
const lists: ReadonlySet<string> = new Set(["SecretList", "SecretValues", "Versions"]);

const unlike = (member: string): SecretsError =>
  new SecretsError("decode", `AWS Secrets Manager: ${member} in the answer is not what AWS describes`, {
    provider: "aws",
    hint: "Something between here and AWS answered in its place: check the endpoint and the proxy.",
  });

/** The body of a request. Bytes travel as base64. https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html */
export function toJson(input: Readonly<Record<string, unknown>>): string {
  const { SecretBinary: bytes } = input;
  if (!(bytes instanceof Uint8Array)) return JSON.stringify(input);
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return JSON.stringify({ ...input, SecretBinary: view.toString("base64") });
}

function toBytes(value: unknown): Uint8Array {
  if (typeof value !== "string" || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) throw unlike("SecretBinary");
  // Not Buffer.from(text): it may use memory that is shared with other buffers, and a secret should lie in its own.
  const bytes = new Uint8Array(Buffer.byteLength(value, "base64"));
  Buffer.from(bytes.buffer).write(value, "base64");
  return bytes;
}

/** Seconds since 1970, with a fraction. */
function toTime(member: string, value: unknown): Date {
  const seconds = typeof value === "string" && /^-?\d*\.?\d+$/.test(value) ? Number(value) : value;
  if (typeof seconds !== "number") throw unlike(member);
  return new Date(Math.round(seconds * 1000));
}

function toMember(name: string, value: unknown): unknown {
  if (times.has(name)) return toTime(name, value);
  if (name === "SecretBinary") return toBytes(value);
  if (!lists.has(name)) return value;
  if (!Array.isArray(value)) throw unlike(name);
  return value.map((item) => fromJson(item, name));
}

/**
 * An answer as AWS's SDK would give it: times as `Date`, bytes as `Uint8Array`, no member that is null.
 *
 * @throws SecretsError `decode`.
 */
export function fromJson(answer: unknown, what = "the whole"): unknown {
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) throw unlike(what);
  const members = Object.entries(answer).filter(([, value]) => value !== null);
  return Object.fromEntries(members.map(([name, value]) => [name, toMember(name, value)]));
}

const textIn = (value: unknown, name: string): string | undefined => {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  const member = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === "string" || typeof member === "number" ? String(member) : undefined;
};

/** AWS's name of an error: in the body, sometimes with a namespace before it, or in a header, sometimes with an address behind it. */
export function errorName(response: HttpResponse): string {
  let body: unknown;
  try {
    body = response.json();
  } catch {
    // Somebody's page; the header or the status has to tell.
  }
  const full = textIn(body, "__type") ?? textIn(body, "code") ?? response.header("x-amzn-errortype") ?? "";
  return (full.split(/[,:]/, 1)[0] as string).replace(/^[^#]*#/, "");
}

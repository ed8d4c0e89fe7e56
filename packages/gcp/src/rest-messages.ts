import type { HttpRequest } from "@keyhold/http";
import { notGoogles } from "./not-googles.ts";
import type { Method, Timestamp } from "./transport.ts";

/** The fields of the requests that the provider makes. */
interface Message {
  readonly name?: string;
  readonly parent?: string;
  readonly secretId?: string;
  readonly secret?: { readonly name?: string };
  readonly payload?: { readonly data: Uint8Array; readonly dataCrc32c: string };
  readonly etag?: string;
  readonly filter?: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
  readonly updateMask?: { readonly paths: readonly string[] };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

const stateChange =
  (verb: string) =>
  ({ name, etag }: Message): HttpRequest => ({ method: "POST", path: `${name}:${verb}`, json: { etag } });

/**
 * What each method is over REST.
 * https://cloud.google.com/secret-manager/docs/reference/rest
 */
const requests: { readonly [Name in Method]: (message: Message) => HttpRequest } = {
  AccessSecretVersion: ({ name }) => ({ path: `${name}:access` }),
  AddSecretVersion: ({ parent, payload }) => ({
    method: "POST",
    path: `${parent}:addVersion`,
    json: { payload: payload && { ...payload, data: base64(payload.data) } },
  }),
  CreateSecret: ({ parent, secretId, secret }) => ({
    method: "POST",
    path: `${parent}/secrets`,
    query: { secretId },
    json: secret,
  }),
  DeleteSecret: ({ name }) => ({ method: "DELETE", path: `${name}` }),
  DestroySecretVersion: stateChange("destroy"),
  DisableSecretVersion: stateChange("disable"),
  EnableSecretVersion: stateChange("enable"),
  GetSecret: ({ name }) => ({ path: `${name}` }),
  GetSecretVersion: ({ name }) => ({ path: `${name}` }),
  ListSecretVersions: ({ parent, ...page }) => ({ path: `${parent}/versions`, query: pageQuery(page) }),
  ListSecrets: ({ parent, ...page }) => ({ path: `${parent}/secrets`, query: pageQuery(page) }),
  UpdateSecret: ({ secret, updateMask }) => ({
    method: "PATCH",
    path: `${secret?.name}`,
    query: { updateMask: updateMask?.paths.join(",") },
    json: secret,
  }),
};

const pageQuery = ({ pageSize, pageToken, filter }: Message) => ({ pageSize, pageToken, filter });

/** The request of a method. Names come checked, so that they are a path as they are. */
export function toRestRequest(method: Method, message: Readonly<Record<string, unknown>>): HttpRequest {
  const { path, ...request } = requests[method](message);
  return { ...request, path: `/v1/${path}` };
}

type Json = Readonly<Record<string, unknown>>;

/** @throws SecretsError `decode` where it is something else. */
export function objectOf(json: unknown): Json {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw notGoogles();
  return json as Json;
}

function listOf(json: unknown): readonly Json[] {
  if (!Array.isArray(json)) throw notGoogles();
  return json.map(resourceOf);
}

function bytesOf(data: unknown): Uint8Array {
  if (typeof data !== "string") throw notGoogles();
  return Buffer.from(data, "base64");
}

function timestampOf(text: unknown): Timestamp | undefined {
  const ms = typeof text === "string" ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) return undefined;
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1e6 };
}

const times = ["createTime", "expireTime", "scheduledDestroyTime"];

/** A secret or a version. What is missing in JSON has its default, which of a name is the empty text. */
function resourceOf(json: unknown): Json {
  const { name, ...fields } = objectOf(json);
  const read = Object.entries(fields).map(([field, value]) => [field, times.includes(field) ? timestampOf(value) : value]);
  return { ...Object.fromEntries(read), name: typeof name === "string" ? name : "" };
}

/** An answer in the form that the provider reads: bytes instead of base64, times as `Timestamp`. @throws SecretsError `decode`. */
export function fromRestAnswer(json: unknown): unknown {
  const { payload, secrets, versions, ...fields } = objectOf(json);
  if (secrets !== undefined) return { ...fields, secrets: listOf(secrets) };
  if (versions !== undefined) return { ...fields, versions: listOf(versions) };
  if (payload === undefined || payload === null) return resourceOf(fields);
  const { data = "", ...checked } = objectOf(payload);
  return { ...resourceOf(fields), payload: { ...checked, data: bytesOf(data) } };
}

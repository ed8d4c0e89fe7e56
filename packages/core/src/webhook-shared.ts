import { isSecret, type Secret, SecretsError } from "@keyhold/core";
import { bodyId, type Delivery, isSame, type Sender } from "./webhook-delivery.ts";

/** A secret, or a handle: then its newest value counts, and the one before until its overlap is over. */
export type SharedSecret = Secret | { readonly current: Secret; readonly previous: Secret | undefined };

export interface SharedKeyOptions {
  readonly key: SharedSecret;
  /** The header that holds it, such as that of an API destination's connection or a delivery property marked as secret. */
  readonly header?: string;
  /** The parameter of the URL that holds it. Addresses are written to logs: prefer a header. */
  readonly parameter?: string;
}

export interface SignatureOptions {
  /** Text that begins with `whsec_` is base64 after that; other text, and bytes, are the key as they are. At least 16 bytes. */
  readonly key: SharedSecret;
}

const dayMs = 86_400_000;
const leastKeyBytes = 16;

/** Clocks differ, and so long a delivery may be on its way. */
const toleranceMs = 300_000;

const isHandle = (key: unknown): key is Exclude<SharedSecret, Secret> =>
  typeof key === "object" && key !== null && "current" in key;

function checkedKey(key: SharedSecret): void {
  if (isSecret(key) || isHandle(key)) return;
  throw new SecretsError("invalid-argument", "key must be a secret or a handle", {
    hint: 'key: await secrets.handle("aws://webhook-key")',
  });
}

/** @throws SecretsError `closed` when the handle is closed. */
function keysOf(key: SharedSecret): readonly Uint8Array[] {
  const secrets = isSecret(key) ? [key] : [key.current, key.previous];
  return secrets.filter((secret) => secret !== undefined).map((secret) => secret.bytes());
}

const tooShort = () =>
  new SecretsError("invalid-argument", "a key of a webhook has at least 16 bytes", { hint: "Put 32 random bytes, as base64." });

/**
 * A sender that shows a key with each delivery, such as an API destination of EventBridge, or Event Grid with a key in a delivery
 * property or its address. The key proves nothing of the delivery itself. So the event must tell its time, which may be a day ago at
 * most, as long as the two go on trying, and the same one is accepted once within a day.
 *
 * @throws SecretsError `invalid-argument` for options that make no sense.
 */
export function sharedKey({ key, header, parameter }: SharedKeyOptions): Sender {
  checkedKey(key);
  if ((header === undefined) === (parameter === undefined)) {
    throw new SecretsError("invalid-argument", "sharedKey takes header or parameter, one of the two", {
      hint: 'sharedKey({ key, header: "x-api-key" })',
    });
  }
  return {
    async verify(delivery) {
      const shown = header === undefined ? onlyParameter(delivery, parameter as string) : delivery.headers[header.toLowerCase()];
      if (shown === undefined || shown === "") return undefined;
      const keys = keysOf(key);
      if (keys.some((one) => one.length < leastKeyBytes)) throw tooShort();
      if (!keys.some((one) => isSame(one, shown))) return undefined;
      // The question whether events may be sent at all changes nothing, and has no body.
      if (delivery.method === "OPTIONS") return { id: "", untilAt: 0 };
      return isRecent(delivery) ? { id: bodyId(delivery), untilAt: delivery.receivedAt + dayMs + toleranceMs } : undefined;
    },
  };
}

function onlyParameter({ query }: Delivery, name: string): string | undefined {
  const values = query.getAll(name);
  return values.length === 1 ? values[0] : undefined;
}

/** Whether every event tells its time, and none is older than its sender would go on trying. */
function isRecent({ body, receivedAt }: Delivery): boolean {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  } catch {
    return false;
  }
  const events: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return events.length > 0 && events.every((event) => isRecentEvent(event, receivedAt));
}

function isRecentEvent(event: unknown, receivedAt: number): boolean {
  const { eventTime, time } = (event ?? {}) as { readonly eventTime?: unknown; readonly time?: unknown };
  const told = eventTime ?? time;
  const at = typeof told === "string" ? Date.parse(told) : Number.NaN;
  return at <= receivedAt + toleranceMs && at >= receivedAt - dayMs - toleranceMs;
}

/**
 * A sender that signs each delivery with a shared key, by Standard Webhooks: `webhook-id`, `webhook-timestamp` and
 * `webhook-signature` with `v1,` and the HMAC-SHA256 of id, time and body. The time may be five minutes off, and an id is accepted
 * once. https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * @throws SecretsError `invalid-argument` for options that make no sense.
 */
export function signature({ key }: SignatureOptions): Sender {
  checkedKey(key);
  return {
    async verify({ headers, body, receivedAt }) {
      const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
      if (id === undefined || !/^[\x21-\x7e]{1,256}$/.test(id) || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) {
        return undefined;
      }
      const sentAt = Number(timestamp) * 1_000;
      if (Math.abs(sentAt - receivedAt) > toleranceMs) return undefined;
      const shown = (signatures ?? "").split(" ", 10).filter((one) => one.startsWith("v1,"));
      const { createHmac } = process.getBuiltinModule("node:crypto");
      for (const own of keysOf(key).map(signingKey)) {
        const expected = `v1,${createHmac("sha256", own).update(`${id}.${timestamp}.`).update(body).digest("base64")}`;
        if (shown.some((one) => isSame(one, expected))) return { id, untilAt: sentAt + 2 * toleranceMs };
      }
      return undefined;
    },
  };
}

function signingKey(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const key = text.startsWith("whsec_") ? Buffer.from(text.slice("whsec_".length), "base64") : bytes;
  if (key.length < leastKeyBytes) throw tooShort();
  return key;
}

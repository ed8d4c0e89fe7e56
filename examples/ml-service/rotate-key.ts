import { createHash, randomBytes } from "node:crypto";
import type { Secret, Secrets } from "@keyhold/core";
import { custom } from "@keyhold/rotation";

export const newKey = (): string => `sk-${randomBytes(24).toString("base64url")}`;
export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What an operator or a job does: a new key is announced, proven, made the current one, and the ones before are retired. */
export async function rotateKey(secrets: Secrets<"vault">, reference: `vault://${string}`, inferenceUrl: string): Promise<void> {
  const call = async (path: string, secret: Secret, body: unknown, signal: AbortSignal) => {
    const answer = await fetch(`${inferenceUrl}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${keyOf(secret)}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}`);
  };
  const keyOf = (secret: Secret) => secret.field("apiKey").text();
  const example = { model: "churn", features: { orders: 1, days_idle: 1 } };
  const rotator = custom({
    create: () => ({ apiKey: newKey() }),
    set: (pending, { current, signal }) => call("/keys", current, { digest: digestOf(keyOf(pending)) }, signal),
    test: (pending, { signal }) => call("/score", pending, example, signal),
    finish: (pending, { signal }) => call("/keys/retire", pending, {}, signal),
  });
  await secrets.rotate(reference, rotator);
}

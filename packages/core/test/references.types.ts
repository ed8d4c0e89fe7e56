// Checked by the type checker alone: what must not compile is marked, and an unused mark is an error.
import { createSecrets, type Secret, type Secrets, type SecretsError } from "@keyhold/core";
import { memory } from "@keyhold/testing";

const secrets = createSecrets({ providers: { aws: memory(), vault: memory() } });
const fromConfig: string = JSON.parse('"aws://x"');

export const known: Promise<Secret> = secrets.get("aws://prod/openai#apiKey");
export const atRunTime: Promise<Secret> = secrets.get(fromConfig);
// @ts-expect-error a literal reference to a provider that this client has not
secrets.get("awz://prod/openai");
// @ts-expect-error no reference at all
secrets.get("prod/openai");
// @ts-expect-error the second one
secrets.getMany(["aws://a", "awz://b"]);
// @ts-expect-error the one named b
secrets.getMany({ a: "aws://a", b: "awz://b" });
// @ts-expect-error
secrets.peek("awz://x");
// @ts-expect-error
secrets.warm(["awz://x"]);
// @ts-expect-error
secrets.put("awz://x", "value");

export const pair: Promise<readonly [Secret, Secret]> = secrets.getMany(["aws://a", "vault://b"]);
export const record: Promise<{ a: Secret; b: Secret }> = secrets.getMany({ a: "aws://a", b: fromConfig });
export const strings: Promise<Secret[]> = secrets.getMany([fromConfig].map((text) => text));
export const perhaps: Promise<Secret | undefined> = secrets.get("aws://a", { optional: true });
// @ts-expect-error it may be undefined
export const surely: Promise<Secret> = secrets.get("aws://a", { optional: true });
export const settled: Promise<readonly [Secret | SecretsError]> = secrets.getMany(["aws://a"], { settle: true });

const names = ["aws://a", "vault://b"] as const;
export const constant: Promise<readonly [Secret, Secret]> = secrets.getMany(names);
const frozen: Readonly<Record<"a" | "b", string>> = Object.freeze({ a: "aws://a", b: "vault://b" });
export const readonlyRecord: Promise<{ a: Secret; b: Secret }> = secrets.getMany(frozen);
declare const either: "aws://a" | "vault://b";
export const union: Promise<Secret> = secrets.get(either);
declare const perhapsWrong: "aws://a" | "awz://b";
// @ts-expect-error one of the two names no provider
secrets.get(perhapsWrong);
export const narrower: Secrets = createSecrets({ providers: { aws: memory() } });

// A library that takes any client asks for `Secrets`, and reads references that come from its caller.
export function anyClient(client: Secrets, reference: string): Promise<Secret> {
  return client.get(reference);
}
anyClient(secrets, "aws://a");

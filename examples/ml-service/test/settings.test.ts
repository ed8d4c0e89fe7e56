import { inspect } from "node:util";
import { fromObject } from "@keyhold/config";
import { createSecrets, isSecret, isSecretsError, type SecretsEvent } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";
import { deployments, settingSources, watchSettings } from "../settings.ts";

const login = { username: "app", password: "canary-password" };
const inference = { apiKey: "sk-canary-key" };
const registry = { token: "canary-token" };

/** Backends in which each deployment has its secrets. */
function open(onEvent?: (event: SecretsEvent) => void) {
  const lent = deployments.map((name) => [`database/creds/${name}-features`, login] as const);
  const kept = deployments.flatMap((name) => [
    [`secret/${name}/inference`, inference] as const,
    [`secret/${name}/registry`, registry] as const,
  ]);
  const vault = memory({ fields: true, secrets: Object.fromEntries([...lent, ...kept]) });
  const local = memory({ secrets: { database: login, inference, registry } });
  return createSecrets({ providers: { local, vault }, onEvent });
}

describe("the settings", () => {
  it.each(deployments)("of %s are typed, and show no value", async (deployment) => {
    const secrets = open();
    const live = await watchSettings(secrets, deployment);
    const { database, inference: used } = live.current;
    expect([database.poolSize, isSecret(database.login), isSecret(used.apiKey)]).toEqual([10, true, true]);
    expect(database.login.json()).toEqual(login);
    expect(`${inspect(live.current, { depth: 9 })}${JSON.stringify([live.current, live.status()])}`).not.toContain("canary");
    await live.close();
    await secrets.close();
  });

  const own = { staging: "vault://secret/staging/registry#token", production: "vault://secret/production/registry#token" };
  it.each([
    ["development", own.production],
    ["staging", own.production],
    ["production", own.staging],
    ["production", "local://registry#token"],
  ] as const)("of %s are refused with %s in them, which is not read", async (deployment, token) => {
    const read: string[] = [];
    const secrets = open((event) => event.type === "read" && read.push(event.reference));
    const misplaced = [...settingSources(), fromObject({ registry: { token } })];
    const refused = await watchSettings(secrets, deployment, misplaced).catch((error) => error);
    expect(isSecretsError(refused, "permission-denied")).toBe(true);
    expect(refused.message).toMatch(/registry\.token.*deployment/);
    expect(read).not.toContain(token.replace("#token", ""));
    await secrets.close();
  });
});

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { callContext } from "@keyhold/core";
import { findLeak } from "@keyhold/testing";
import { afterAll, describe, expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { testClient } from "../../../test/servers/oidc/start-token-server.ts";
import { startVault } from "./support/start-vault.ts";
import { transports } from "./support/transports.ts";

const value = "canary-value-8f3a61";

const totals = { adapter: "azure", failures: 0, leaks: 0, bareSdkLeaks: 0 };
afterAll(() => {
  const folder = path.resolve(import.meta.dirname, "../../../node_modules/.cache/keyhold/leaks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "azure.json"), JSON.stringify(totals));
});

describe.each(transports)("over $transport", (tested) => {
  it("no failure shows a credential or a value; those of the bare SDK do", async () => {
    const vault = await startVault(tested);
    const { server, tokens } = vault;
    vault.server.seed("there", value);
    const wrongSecret = "canary-client-secret-51";
    const canaries = () => [value, wrongSecret, testClient.clientSecret as string, ...vault.given];
    const signIn = (secret: string) =>
      new ClientSecretCredential(tokens.tenant, testClient.clientId, secret, {
        authorityHost: tokens.url,
        disableInstanceDiscovery: true,
        tlsOptions: { ca: tokens.ca },
        retryOptions: { maxRetries: 0 },
      });
    const bareClient = (credential: ConstructorParameters<typeof SecretClient>[1]) =>
      new SecretClient(server.url, credential, {
        disableChallengeResourceVerification: true,
        tlsOptions: { ca: server.ca },
        retryOptions: { maxRetries: 0 },
      });

    const body = JSON.stringify({ error: { code: value, message: value, innererror: { code: value } } });
    const status = (code: number, text = body): Fault => ({ kind: "status", status: code, body: text });
    // To write sends the value; to read is answered with it.
    const faults: readonly (Fault | undefined)[] = [
      undefined,
      status(400),
      status(403),
      status(409),
      status(429),
      status(500),
      status(503, value),
      status(200, `{"value":"${value}","id":"${value}"}`),
      status(200, `{"value":"${value}`),
      { kind: "reset" },
      { kind: "html" },
      { kind: "invalid-json" },
      { kind: "large" },
      { kind: "redirect", location: `http://127.0.0.1:9/${value}` },
    ];
    let failures = 0;
    let leaks = 0;
    let bareSdkLeaks = 0;
    const count = async (ours: () => Promise<unknown>, theirs: () => Promise<unknown>, arrange: () => void = () => {}) => {
      for (const [call, found] of [
        [ours, () => (leaks += 1)],
        [theirs, () => (bareSdkLeaks += 1)],
      ] as const) {
        arrange();
        const error = await call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(Error);
        if (findLeak(error, canaries())) found();
      }
      failures += 1;
    };

    const provider = vault.create();
    const bare = bareClient(vault.credential as ConstructorParameters<typeof SecretClient>[1]);
    // Signed in, so that each fault strikes the call that follows.
    await provider.read({ path: "there" }, callContext());
    await bare.getSecret("there");
    for (const fault of faults) {
      const name = fault === undefined ? "none" : "there";
      const strike = () => fault && server.faults.next(fault);
      await count(
        () => provider.read({ path: name }, callContext()),
        () => bare.getSecret(name),
        strike,
      );
      if (fault === undefined || fault.kind === "reset") continue;
      await count(
        () => provider.write!({ path: "written" }, { kind: "opaque", value }, {}, callContext()),
        () => bare.setSecret("written", value),
        strike,
      );
    }
    const mistaken = vault.create({ credential: signIn(wrongSecret) });
    await count(
      () => mistaken.read({ path: "there" }, callContext()),
      () => bareClient(signIn(wrongSecret)).getSecret("there"),
    );
    const rude = { getToken: () => Promise.reject(new Error(`signed ${wrongSecret}`)) };
    const impolite = vault.create({ credential: rude });
    await count(
      () => impolite.read({ path: "there" }, callContext()),
      () => bareClient(rude).getSecret("there"),
    );
    for (const one of [provider, mistaken, impolite]) {
      if (findLeak(one, canaries())) leaks += 1;
      await one.close?.();
    }
    expect(vault.violations()).toEqual([]);
    await vault.close();

    totals.failures += failures;
    totals.leaks += leaks;
    totals.bareSdkLeaks += bareSdkLeaks;
    console.log(`${tested.name}: ${failures} failures: ${leaks} leaks; bare SDK: ${bareSdkLeaks} leaks`);
    expect(leaks).toBe(0);
    expect(bareSdkLeaks).toBeGreaterThan(0);
  });
});

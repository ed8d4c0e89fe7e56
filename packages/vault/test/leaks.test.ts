import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { callContext, findLeak } from "@keyhold/testing";
import { appRoleAuth, tokenAuth } from "@keyhold/vault";
import nodeVault from "node-vault";
import { afterAll, describe, expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import { addAppRole, addPolicy, addToken } from "../../../test/servers/openbao/auth-methods.ts";
import { enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { startFaultyBao } from "./faulty-bao.ts";
import { transports } from "./transports.ts";

const totals = { adapter: "vault", failures: 0, leaks: 0, bareSdkLeaks: 0 };
afterAll(() => {
  const folder = path.resolve(import.meta.dirname, "../../../node_modules/.cache/keyhold/leaks");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "vault.json"), JSON.stringify(totals));
});

describe.each(transports)("over $transport", ({ name, vault }) => {
  it("no failure shows a credential, a token or a value; those of the bare SDK do", async () => {
    const bao = await startOpenBao();
    const door = await startFaultyBao(bao);
    await enableKv(bao, "secret", 2);
    await addPolicy(bao, "app", 'path "secret/*" { capabilities = ["read", "update", "create"] }');
    const value = "canary-value-8f3a61";
    const token = await addToken(bao, { policies: ["app"] });
    const { roleId, secretId } = await addAppRole(bao, "app", { policies: ["app"] });
    const canaries = [value, token, secretId];
    const body = JSON.stringify({ errors: [value], data: value });
    const faults: readonly (Fault | undefined)[] = [
      undefined,
      ...[400, 401, 403, 404, 429, 500, 503].map((status): Fault => ({ kind: "status", status, body })),
      { kind: "status", status: 503, body: value },
      { kind: "reset" },
      { kind: "html" },
      { kind: "invalid-json" },
      { kind: "large" },
      { kind: "redirect", location: `http://127.0.0.1:9/${value}` },
    ];
    const context = () => callContext({ deadlineMs: 5_000 });
    const common = { address: door.url, tls: { ca: door.ca } };
    const ours = vault({ ...common, auth: tokenAuth(token) });
    const content = { kind: "fields", fields: { key: value } } as const;
    await ours.write!({ path: "secret/there" }, content, {}, context());

    // Each fault meets a read, a write that carries a value, and a login that carries a credential.
    const calls: readonly (readonly [RegExp, () => Promise<unknown>])[] = [
      [/GET .*secret\/data/, () => ours.read({ path: "secret/none" }, context())],
      [/POST .*secret\/data/, () => ours.write!({ path: "secret/there" }, content, { ifVersion: "7" }, context())],
      [
        /login/,
        async () => {
          const fresh = vault({ ...common, auth: appRoleAuth({ roleId, secretId }) });
          try {
            return await fresh.read({ path: "secret/none" }, context());
          } finally {
            if (findLeak(fresh, canaries)) leaks += 1;
            await fresh.close?.();
          }
        },
      ],
    ];
    const bare = nodeVault({
      endpoint: door.url,
      token,
      requestOptions: { ca: door.ca, timeout: 5_000, headers: { "x-vault-request": "true" } },
    });
    const bareCalls: readonly (() => Promise<unknown>)[] = [
      () => bare.read("secret/data/none"),
      () => bare.write("secret/data/there", { data: { key: value }, options: { cas: 7 } }),
      () =>
        nodeVault({ endpoint: door.url, requestOptions: { ca: door.ca, timeout: 5_000 } }).approleLogin({
          role_id: roleId,
          secret_id: secretId,
        }),
    ];
    let failures = 0;
    let leaks = 0;
    let bareSdkLeaks = 0;
    for (const fault of faults) {
      for (const [index, [match, call]] of calls.entries()) {
        if (fault) door.faults.next(fault, { match });
        const error = await call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        door.faults.clear();
        if (error !== undefined) failures += 1;
        if (findLeak(error, canaries)) leaks += 1;
        if (fault) door.faults.next(fault, { match });
        const theirs = await bareCalls[index]!().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        door.faults.clear();
        if (findLeak(theirs, canaries)) bareSdkLeaks += 1;
      }
    }
    if (findLeak(ours, canaries)) leaks += 1;
    await ours.close?.();
    await Promise.all([door.close(), bao.close()]);
    totals.failures += failures;
    totals.leaks += leaks;
    // The bare SDK is the same each time.
    totals.bareSdkLeaks = bareSdkLeaks;
    console.log(`${name}: ${failures} failures: ${leaks} leaks; bare SDK: ${bareSdkLeaks} leaks`);
    expect(failures).toBe(3 * faults.length);
    expect(leaks).toBe(0);
    expect(bareSdkLeaks).toBeGreaterThan(0);
  });
});

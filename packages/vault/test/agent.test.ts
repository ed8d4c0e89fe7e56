import { createSecrets } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { appRoleAuth, type VaultOptions } from "@keyhold/vault";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type HttpsService, startHttpsService } from "../../../test/servers/https-service.ts";
import { type AppRole, addAppRole, addPolicy } from "../../../test/servers/openbao/auth-methods.ts";
import { enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { type BaoProxy, startBaoProxy } from "../../../test/servers/openbao/start-proxy.ts";
import { transports } from "./transports.ts";

const names = ["VAULT_ADDR", "VAULT_AGENT_ADDR", "VAULT_TOKEN"] as const;
const kept = { ...process.env };
const app = { path: "secret/app" };
const value = { kind: "fields", fields: { key: "value" } };
let bao: OpenBao;
let role: AppRole;
let proxy: BaoProxy;
/** One that has no token. */
let locked: BaoProxy;

beforeAll(async () => {
  for (const name of names) delete process.env[name];
  bao = await startOpenBao();
  await enableKv(bao, "secret", 2);
  await bao.call({ path: "secret/data/app", body: { data: { key: "value" } } });
  await addPolicy(
    bao,
    "app",
    'path "secret/data/*" { capabilities = ["read", "create", "update"] } path "secret/metadata/*" { capabilities = ["read", "list"] }',
  );
  role = await addAppRole(bao, "app", { policies: ["app"] });
  [proxy, locked] = await Promise.all([startBaoProxy(bao, { role }), startBaoProxy(bao)]);
});
afterEach(() => {
  for (const name of names) delete process.env[name];
});
afterAll(async () => {
  Object.assign(process.env, kept);
  await Promise.all([proxy.close(), locked.close()]);
  await bao.close();
});

describe.each(transports)("over $transport", ({ vault }) => {
  const content = async (options: VaultOptions) => {
    const provider = vault(options);
    try {
      return (await provider.read(app, callContext())).content;
    } finally {
      await provider.close?.();
    }
  };

  it("a proxy on this machine is asked over loopback or its socket, without a token of ours", async () => {
    expect(await content({ agent: proxy.url })).toEqual(value);
    expect(await content({ agent: `unix://${proxy.socketPath}` })).toEqual(value);
    expect(await content({ agent: `unix:${proxy.socketPath}` })).toEqual(value);
  });

  it("everything else goes through it too: writes, lists, versions, the check, and the client with its cache", async () => {
    const provider = vault({ agent: `unix://${proxy.socketPath}` });
    const secrets = createSecrets({ providers: { vault: provider } });
    const { version } = await secrets.put("vault://secret/agent", { key: "mine" });
    expect((await secrets.get("vault://secret/agent#key")).text()).toBe("mine");
    expect((await provider.versions!("secret/agent", {}, callContext())).items[0]?.version).toBe(version);
    expect((await provider.list!({ prefix: "secret/ag" }, callContext())).items.map(({ path }) => path)).toEqual([
      "secret/agent",
    ]);
    expect((await provider.check!(callContext())).principal).toBe("approle");
    await expect(secrets.get("vault://secret/none")).rejects.toMatchObject({ code: "not-found" });
    await expect(provider.policies.list(callContext())).rejects.toMatchObject({ code: "permission-denied" });
    await secrets.close();
  });

  it("VAULT_AGENT_ADDR names it, unless an address is given; a token in VAULT_TOKEN then stays at home", async () => {
    Object.assign(process.env, { VAULT_AGENT_ADDR: `unix://${proxy.socketPath}`, VAULT_TOKEN: "s.not-a-token" });
    expect(await content({})).toEqual(value);
    await expect(content({ address: bao.url })).rejects.toMatchObject({ code: "unauthenticated" });
    expect(await content({ address: bao.url, auth: appRoleAuth(role) })).toEqual(value);
  });

  it("a login of one's own goes through it, and its token is the one that counts", async () => {
    expect(await content({ agent: locked.url, auth: appRoleAuth(role) })).toEqual(value);
    await expect(content({ agent: proxy.url, auth: appRoleAuth({ ...role, secretId: "wrong" }) })).rejects.toMatchObject({
      code: "unauthenticated",
    });
  });

  it("one that has not signed in is unauthenticated, with what to look at", async () => {
    await expect(content({ agent: locked.url, mounts: { secret: 2 } })).rejects.toMatchObject({
      code: "unauthenticated",
      message: expect.stringContaining("agent"),
      hint: expect.stringContaining("auto_auth"),
    });
  });

  it("one that is not there is unavailable, and an address that is none is refused", async () => {
    await expect(content({ agent: `unix://${proxy.socketPath}.gone` })).rejects.toMatchObject({ code: "unavailable" });
    expect(() => vault({ agent: "unix://relative/path" })).toThrow(/absolute path/);
    expect(() => vault({ agent: proxy.url, address: bao.url })).toThrow(/both address and agent/);
    expect(() => vault({ agent: "http://agent.internal:8100" })).toThrow(/plain http/);
  });

  it("sends X-Vault-Request and no token, which such a listener demands", async () => {
    const seen: HttpsService = await startHttpsService({
      tls: false,
      handle: () => ({ status: 200, body: JSON.stringify({ data: { data: {}, metadata: { version: 1 } } }) }),
    });
    await content({ agent: seen.url, mounts: { secret: 2 } });
    expect(seen.requests.map(({ request }) => request.headers)).toEqual([expect.objectContaining({ "x-vault-request": "true" })]);
    expect(seen.requests[0]?.request.headers).not.toHaveProperty("x-vault-token");
    await seen.close();
    const bare = await fetch(`${proxy.url}/v1/secret/data/app`);
    expect(bare.status).toBe(412);
  });
});

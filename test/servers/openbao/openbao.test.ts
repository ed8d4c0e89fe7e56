import { get } from "node:https";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { certificateAuthority, makeCertificates } from "../certificates.ts";
import { type PostgresServer, startPostgres } from "../postgres/start-postgres.ts";
import { addAppRole, addCertificateRole, addJwtRole, addPolicy, addToken, addUser } from "./auth-methods.ts";
import { createNamespace, enableDatabase, enableKv, enablePki, enableTransit } from "./secrets-engines.ts";
import { type OpenBao, startOpenBao } from "./start-openbao.ts";

let bao: OpenBao;
let postgres: PostgresServer;
beforeAll(async () => {
  [bao, postgres] = await Promise.all([startOpenBao({ tls: await makeCertificates() }), startPostgres()]);
  await addPolicy(bao, "reader", 'path "team/kv/data/*" { capabilities = ["read"] }');
  await enableKv(bao, "team/kv", 2);
  await bao.call({ path: "team/kv/data/app", body: { data: { key: "value" } } });
});
afterAll(() => Promise.all([bao?.close(), postgres?.close()]));

const login = async (path: string, body: object, more: object = {}): Promise<{ token: string; status: number }> => {
  const answer = await bao.request({ path, body, token: null, ...more });
  return { token: answer.body?.auth?.client_token, status: answer.status };
};
const readsApp = async (token: string): Promise<unknown> =>
  (await bao.request({ path: "team/kv/data/app", token })).body.data?.data;

describe("secrets engines", () => {
  test("version 2 keeps versions at a mount with slashes, and checks the version before writing", async () => {
    await bao.call({ path: "team/kv/data/two", body: { data: { a: 1 } } });
    await bao.call({ path: "team/kv/data/two", body: { options: { cas: 1 }, data: { a: 2 } } });
    const stale = await bao.request({ path: "team/kv/data/two", body: { options: { cas: 1 }, data: { a: 3 } } });
    expect(stale.status).toBe(400);
    expect((await bao.call({ path: "team/kv/data/two?version=1" })).data.data).toEqual({ a: 1 });
    expect((await bao.call({ path: "team/kv/data/two" })).data.data).toEqual({ a: 2 });
  });

  test("version 1 keeps the newest value alone", async () => {
    await enableKv(bao, "old", 1);
    await bao.call({ path: "old/a", body: { x: 1 } });
    await bao.call({ path: "old/a", body: { x: 2 } });
    expect((await bao.call({ path: "old/a" })).data).toEqual({ x: 2 });
  });

  test("database credentials work until their lease is revoked", async () => {
    await enableDatabase(bao, "database", postgres, [{ role: "app", ttlSeconds: 60 }]);
    const lease = await bao.call({ path: "database/creds/app" });
    expect(lease).toMatchObject({ lease_duration: 60, renewable: true });
    const signIn = async (): Promise<unknown> => {
      const { username: user, password } = lease.data;
      const client = new pg.Client({ host: "127.0.0.1", port: postgres.port, user, password, database: "postgres" });
      await client.connect();
      try {
        return (await client.query("select current_user as name")).rows[0].name;
      } finally {
        await client.end();
      }
    };
    expect(await signIn()).toBe(lease.data.username);
    await bao.call({ method: "PUT", path: "sys/leases/revoke", body: { lease_id: lease.lease_id, sync: true } });
    await expect(signIn()).rejects.toMatchObject({ code: "28P01" });
  });

  test("PKI issues certificates with a lease, transit makes data keys", async () => {
    await enablePki(bao, "pki");
    const issued = await bao.call({ path: "pki/issue/server", body: { common_name: "a.example.com" } });
    expect(issued.data.certificate).toMatch(/^-----BEGIN CERTIFICATE/);
    expect(issued.lease_id).toMatch(/^pki\/issue\/server\//);
    await enableTransit(bao, "transit", "main");
    const { data } = await bao.call({ path: "transit/datakey/plaintext/main", body: {} });
    expect(Buffer.from(data.plaintext, "base64")).toHaveLength(32);
  });

  test("a namespace has mounts of its own", async () => {
    await createNamespace(bao, "unit");
    await enableKv(bao, "team/kv", 2, "unit");
    expect((await bao.request({ path: "team/kv/data/app", namespace: "unit" })).status).toBe(404);
    expect((await bao.request({ path: "team/kv/data/app" })).status).toBe(200);
  });
});

describe("logins", () => {
  test("an AppRole, a user and a JWT sign in, may read what their policy allows, and no more", async () => {
    const { roleId, secretId } = await addAppRole(bao, "app", { policies: ["reader"] });
    await addUser(bao, "ann", "pässword", { policies: ["reader"] });
    const issuer = await addJwtRole(bao, { mount: "kubernetes", role: "ml", audience: "vault", policies: ["reader"] });
    const logins = [
      await login("auth/approle/login", { role_id: roleId, secret_id: secretId }),
      await login("auth/userpass/login/ann", { password: "pässword" }),
      await login("auth/kubernetes/login", { role: "ml", jwt: issuer.sign({ sub: "system:serviceaccount:ml:worker" }) }),
    ];
    for (const { token } of logins) {
      expect(await readsApp(token)).toEqual({ key: "value" });
      expect((await bao.request({ path: "team/kv/metadata/app", token })).status).toBe(403);
    }
    expect((await login("auth/approle/login", { role_id: roleId, secret_id: "wrong" })).status).toBe(400);
    expect((await login("auth/userpass/login/ann", { password: "wrong" })).status).toBe(400);
    const old = issuer.sign({ sub: "a", exp: Math.floor(Date.now() / 1000) - 600 });
    expect((await login("auth/kubernetes/login", { role: "ml", jwt: old })).status).toBe(400);
  });

  test("a client certificate signs in, one of another authority does not", async () => {
    const [trusted, other] = [await certificateAuthority(), await certificateAuthority()];
    await addCertificateRole(bao, "clients", trusted.ca, { policies: ["reader"] });
    const { cert, key } = await trusted.issue({ hosts: ["client"] });
    const { token } = await login("auth/cert/login", {}, { cert, key });
    expect(await readsApp(token)).toEqual({ key: "value" });
    const { cert: wrongCert, key: wrongKey } = await other.issue({ hosts: ["client"] });
    expect((await login("auth/cert/login", {}, { cert: wrongCert, key: wrongKey })).status).toBe(400);
  });

  test("a token ends, is renewed up to its maximum, and answers wrapped when asked to", async () => {
    const token = await addToken(bao, { policies: ["reader"], ttlSeconds: 1 });
    expect(await readsApp(token)).toEqual({ key: "value" });
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    expect((await bao.request({ path: "team/kv/data/app", token })).status).toBe(403);
    const renewable = await addToken(bao, { ttlSeconds: 60, maxTtlSeconds: 90 });
    const renewed = await bao.call({ path: "auth/token/renew-self", token: renewable, body: { increment: "600s" } });
    expect(renewed.auth.lease_duration).toBeLessThanOrEqual(90);
    const wrapped = await bao.call({ path: "team/kv/data/app", headers: { "x-vault-wrap-ttl": "60s" } });
    const unwrapped = await bao.call({ path: "sys/wrapping/unwrap", body: {}, token: wrapped.wrap_info.token });
    expect(unwrapped.data.data).toEqual({ key: "value" });
  });
});

describe("the server", () => {
  test("over HTTPS it needs its authority", async () => {
    const codeOf = (ca?: string): Promise<unknown> =>
      new Promise((resolve) => {
        const sent = get(`${bao.url}/v1/sys/health`, { ca, agent: false }, (response) => resolve(response.resume().statusCode));
        sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      });
    expect(await codeOf(bao.ca)).toBe(200);
    expect(await codeOf()).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/);
  });

  test("raft storage keeps its data and tokens over a restart; sealed, it answers 503", async () => {
    const kept = await startOpenBao({ storage: "raft" });
    await enableKv(kept, "secret", 2);
    await kept.call({ path: "secret/data/a", body: { data: { x: 1 } } });
    await kept.stop();
    await expect(kept.request({ path: "sys/health" })).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await kept.restart();
    expect((await kept.call({ path: "secret/data/a" })).data.data).toEqual({ x: 1 });
    await kept.seal();
    expect((await kept.request({ path: "secret/data/a" })).status).toBe(503);
    expect((await kept.request({ path: "sys/health" })).status).toBe(503);
    await kept.unseal();
    expect((await kept.request({ path: "secret/data/a" })).status).toBe(200);
    await kept.close();
  });
});

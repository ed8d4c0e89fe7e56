import { createSecrets } from "@keyhold/core";
import { random, vaultStaticRole } from "@keyhold/rotation";
import { callContext } from "@keyhold/testing";
import { tokenAuth, vault } from "@keyhold/vault/lean";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { enableDatabase, enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { type PostgresServer, startPostgres } from "../../../test/servers/postgres/start-postgres.ts";

let bao: OpenBao;
let postgres: PostgresServer;
beforeAll(async () => {
  [bao, postgres] = await Promise.all([startOpenBao(), startPostgres()]);
});
afterAll(() => Promise.all([bao?.close(), postgres?.close()]));

const create = () => vault({ address: bao.url, auth: tokenAuth(bao.rootToken) });

it("rotates a value of the key-value store, and leaves no pending value behind", async () => {
  await enableKv(bao, "kv", 2);
  const secrets = createSecrets({ providers: { vault: create() } });
  await secrets.put("vault://kv/db", { user: "app", password: "old" });
  await secrets.rotate("vault://kv/db", random({ field: "password" }));
  expect((await secrets.get("vault://kv/db")).json()).toEqual({ user: "app", password: expect.stringMatching(/^\w{32}$/) });
  expect((await secrets.get("vault://kv/db-keyhold-pending")).json()).toEqual({ "keyhold-rotation": "{}" });
  await secrets.close();
});

it("has the database engine rotate a static role, and its own login", async () => {
  await enableDatabase(bao, "database", postgres, []);
  const login = (config: { user: string; password: string }) => {
    const client = new pg.Client({ host: "127.0.0.1", port: postgres.port, database: "postgres", ...config });
    return client.connect().then(
      () => client.end().then(() => "in"),
      ({ code }) => code,
    );
  };
  const admin = new pg.Client(postgres.url);
  await admin.connect();
  await admin.query("create role app login; create role engine login superuser password 'only-vault-may-know'");
  await admin.end();
  const connection_url = `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/postgres?sslmode=disable`;
  await bao.call({
    path: "database/config/postgres",
    body: {
      plugin_name: "postgresql-database-plugin",
      allowed_roles: ["*"],
      connection_url,
      username: "engine",
      password: "only-vault-may-know",
    },
  });
  await bao.call({ path: "database/static-roles/app", body: { db_name: "postgres", username: "app", rotation_period: 86_400 } });
  const provider = create();
  const secrets = createSecrets({ providers: { vault: provider } });
  const reference = "vault://database/static-creds/app";
  const current = async () => (await secrets.get(reference)).json() as { username: string; password: string };
  const before = await current();
  expect(await login({ user: before.username, password: before.password })).toBe("in");
  await secrets.rotate(reference, vaultStaticRole({ provider }));
  const after = await current();
  expect(after.password).not.toBe(before.password);
  expect(await login({ user: after.username, password: after.password })).toBe("in");
  expect(await login({ user: before.username, password: before.password })).toBe("28P01");

  await provider.rotate("database/rotate-root/postgres", callContext());
  expect(await login({ user: "engine", password: "only-vault-may-know" })).toBe("28P01");
  await secrets.rotate(reference, vaultStaticRole({ provider }));
  await expect(secrets.rotate("vault://kv/db", vaultStaticRole({ provider }))).rejects.toMatchObject({
    code: "invalid-argument",
  });
  await secrets.close();
});

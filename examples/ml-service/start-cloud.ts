import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { createSecrets } from "@keyhold/core";
import { tokenAuth, vault } from "@keyhold/vault";
import pg from "pg";
import { addAppRole, addPolicy } from "../../test/servers/openbao/auth-methods.ts";
import { enableKv } from "../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../test/servers/openbao/start-openbao.ts";
import { type PostgresServer, startPostgres } from "../../test/servers/postgres/start-postgres.ts";
import { temporaryFolder } from "../../test/servers/temporary-folder.ts";
import { digestOf, newKey, rotateKey } from "./rotate-key.ts";
import type { Deployment } from "./settings.ts";
import { startProgram } from "./start-program.ts";

export interface CloudOptions {
  readonly deployment: Exclude<Deployment, "development">;
  /** How long a login lasts before it is renewed, and in all. */
  readonly lease: { readonly ttlSeconds: number; readonly maxTtlSeconds: number };
  /** How long a key that was replaced still works. */
  readonly keyOverlapMs: number;
  /** Puts something between the service and OpenBao, and gives the address to call. */
  readonly behind?: (port: number) => Promise<string>;
}

/** All that the service needs, on this machine: a database, OpenBao on raft, an inference API and a model registry. */
export interface Cloud {
  readonly bao: OpenBao;
  readonly postgres: PostgresServer;
  readonly upstreamUrl: string;
  /** The registry's token and the key of this moment, for whoever looks where they do not belong. */
  values(): Promise<readonly string[]>;
  /** What the service is started with: addresses, and how it signs in to OpenBao. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the naive twin is started with: the secrets of this moment. */
  naiveEnvironment(): Promise<Readonly<Record<string, string>>>;
  /** The database users that OpenBao has made and not taken away yet. */
  logins(): Promise<readonly string[]>;
  rotateKey(): Promise<void>;
  close(): Promise<void>;
}

const customers = 1_000;

export async function startCloud({ deployment, lease, keyOverlapMs, behind }: CloudOptions): Promise<Cloud> {
  const { path: folder, remove } = await temporaryFolder("ml-service");
  const started: { close(): Promise<void> }[] = [];
  const close = async () => {
    await Promise.all(started.map((one) => one.close()));
    await remove();
  };
  const keep = <T extends { close(): Promise<void> }>(one: T): T => {
    started.push(one);
    return one;
  };
  try {
    const [registryToken, firstKey] = [`registry-${randomBytes(24).toString("base64url")}`, newKey()];
    const [bao, postgres, upstream] = await Promise.all([
      startOpenBao({ storage: "raft" }).then(keep),
      startPostgres().then(keep),
      startProgram("upstream.ts", {
        FIRST_KEY_DIGEST: digestOf(firstKey),
        REGISTRY_TOKEN_DIGEST: digestOf(registryToken),
        OVERLAP_MS: String(keyOverlapMs),
      }).then((program) => keep({ ...program, close: program.stop })),
    ]);
    await fillDatabase(postgres);
    await enableKv(bao, "secret", 2);
    const role = `${deployment}-features`;
    await lendLogins(bao, postgres, role, lease);
    const policy = await readFile(new URL("policy.hcl", import.meta.url), "utf8");
    await addPolicy(bao, "ml-service", policy.replaceAll("DEPLOYMENT", deployment));
    const { roleId, secretId } = await addAppRole(bao, "ml-service", { policies: ["ml-service"] });
    const secretIdFile = path.join(folder, "secret-id");
    await writeFile(secretIdFile, secretId, { mode: 0o600 });
    const operator = createSecrets({ providers: { vault: vault({ address: bao.url, auth: tokenAuth(bao.rootToken) }) } });
    keep(operator);
    await operator.put(`vault://secret/${deployment}/inference`, { apiKey: firstKey });
    await operator.put(`vault://secret/${deployment}/registry`, { token: registryToken });
    const currentKey = async () => (await operator.get(`vault://secret/${deployment}/inference#apiKey`, { fresh: true })).text();
    const addresses = {
      ML_DATABASE__PORT: String(postgres.port),
      ML_INFERENCE__URL: upstream.url,
      ML_REGISTRY__URL: upstream.url,
    };
    return {
      bao,
      postgres,
      upstreamUrl: upstream.url,
      values: async () => [registryToken, await currentKey()],
      environment: {
        ...addresses,
        DEPLOYMENT: deployment,
        VAULT_ADDR: behind === undefined ? bao.url : await behind(Number(new URL(bao.url).port)),
        BAO_ROLE_ID: roleId,
        BAO_SECRET_ID_FILE: secretIdFile,
      },
      async naiveEnvironment() {
        const { data } = await bao.call({ path: `database/creds/${role}` });
        return {
          ...addresses,
          DATABASE_USER: data.username,
          DATABASE_PASSWORD: data.password,
          INFERENCE_API_KEY: await currentKey(),
          REGISTRY_TOKEN: registryToken,
        };
      },
      async logins() {
        const client = new pg.Client({ connectionString: postgres.url });
        await client.connect();
        const { rows } = await client.query("select rolname from pg_roles where rolname like 'v-%'");
        await client.end();
        return rows.map(({ rolname }) => rolname as string);
      },
      rotateKey: () => rotateKey(operator, `vault://secret/${deployment}/inference`, upstream.url),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Some features, and the role whose members may read them. */
async function fillDatabase(postgres: PostgresServer): Promise<void> {
  const run = async (connectionString: string, ...statements: readonly string[]) => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  await run(postgres.url, "create database features", "create role features_reader nologin");
  await run(
    postgres.url.replace(/\/postgres$/, "/features"),
    "create table features (customer integer primary key, orders integer not null, days_idle integer not null)",
    `insert into features select n, n % 17, n % 90 from generate_series(1, ${customers}) n`,
    "grant select on features to features_reader",
  );
}

/** Has OpenBao make a user of the database for each lease, a member of `features_reader` and of nothing else. */
async function lendLogins(bao: OpenBao, postgres: PostgresServer, role: string, lease: CloudOptions["lease"]): Promise<void> {
  await bao.call({ path: "sys/mounts/database", body: { type: "database" } });
  await bao.call({
    path: "database/config/features",
    body: {
      plugin_name: "postgresql-database-plugin",
      allowed_roles: [role],
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/features?sslmode=disable`,
      username: postgres.user,
      password: postgres.password,
    },
  });
  await bao.call({
    path: `database/roles/${role}`,
    body: {
      db_name: "features",
      creation_statements: [
        `create role "{{name}}" login password '{{password}}' valid until '{{expiration}}' in role features_reader`,
      ],
      default_ttl: `${lease.ttlSeconds}s`,
      max_ttl: `${lease.maxTtlSeconds}s`,
    },
  });
}

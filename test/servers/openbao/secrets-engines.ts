import type { PostgresServer } from "../postgres/start-postgres.ts";
import type { OpenBao } from "./start-openbao.ts";

/** Mounts a key-value store at a path, which may have slashes, and waits until it can be used. */
export async function enableKv(bao: OpenBao, mount: string, version: 1 | 2, namespace?: string): Promise<void> {
  await bao.call({ path: `sys/mounts/${mount}`, body: { type: "kv", options: { version: String(version) } }, namespace });
  // For a moment a new version 2 answers that it is still being made.
  for (let attempt = 0; attempt < 100; attempt++) {
    const { status } = await bao.request({ method: "LIST", path: version === 2 ? `${mount}/metadata` : mount, namespace });
    if (status === 404) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the key-value store at ${mount} cannot be used`);
}

export interface DatabaseRole {
  readonly role: string;
  readonly ttlSeconds: number;
  /** How often it can be renewed: until this long after it began. By default an hour. */
  readonly maxTtlSeconds?: number;
}

/** Mounts the database engine, whose roles make PostgreSQL users that may sign in and read. */
export async function enableDatabase(
  bao: OpenBao,
  mount: string,
  postgres: PostgresServer,
  roles: readonly DatabaseRole[],
): Promise<void> {
  await bao.call({ path: `sys/mounts/${mount}`, body: { type: "database" } });
  await bao.call({
    path: `${mount}/config/postgres`,
    body: {
      plugin_name: "postgresql-database-plugin",
      allowed_roles: ["*"],
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/postgres?sslmode=disable`,
      username: postgres.user,
      password: postgres.password,
    },
  });
  for (const { role, ttlSeconds, maxTtlSeconds = 3_600 } of roles) {
    await bao.call({
      path: `${mount}/roles/${role}`,
      body: {
        db_name: "postgres",
        creation_statements: [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`],
        default_ttl: `${ttlSeconds}s`,
        max_ttl: `${maxTtlSeconds}s`,
      },
    });
  }
}

/** Mounts a certificate authority. `mount/issue/server` issues certificates for names under example.com. */
export async function enablePki(bao: OpenBao, mount: string): Promise<void> {
  await bao.call({ path: `sys/mounts/${mount}`, body: { type: "pki" } });
  await bao.call({
    path: `${mount}/root/generate/internal`,
    body: { common_name: "Keyhold test root", key_type: "ec", ttl: "24h" },
  });
  const role = { allowed_domains: ["example.com"], allow_subdomains: true, key_type: "ec", max_ttl: "1h", generate_lease: true };
  await bao.call({ path: `${mount}/roles/server`, body: role });
}

/** Mounts the transit engine with one key. `mount/datakey/plaintext/KEY` makes data keys. */
export async function enableTransit(bao: OpenBao, mount: string, key: string): Promise<void> {
  await bao.call({ path: `sys/mounts/${mount}`, body: { type: "transit" } });
  await bao.call({ path: `${mount}/keys/${key}`, body: {} });
}

/** Makes a namespace, whose mounts, policies and tokens are its own. */
export async function createNamespace(bao: OpenBao, name: string): Promise<void> {
  await bao.call({ path: `sys/namespaces/${name}`, body: {} });
}

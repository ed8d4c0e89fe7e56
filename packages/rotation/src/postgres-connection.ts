import { isSecretsError, SecretsError } from "@keyhold/core";
import type { DatabaseLogin } from "./database-login.ts";

/** What is used of a client of node-postgres. */
export interface PostgresClient {
  connect(): Promise<unknown>;
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>;
  end(): Promise<unknown>;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

/** What node-postgres's `Client` takes. */
export interface PostgresClientConfig {
  readonly connectionString?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly user?: string;
  readonly password?: string;
  readonly connectionTimeoutMillis: number;
  readonly query_timeout: number;
  readonly application_name: string;
}

export interface PostgresServerAddress {
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
}

export interface PostgresDoor {
  /** Where the server is, for secrets that do not say it. */
  readonly server?: PostgresServerAddress;
  /** Makes a client: for TLS and other settings. Default: `new Client(config)` of the package pg. */
  readonly client?: (config: PostgresClientConfig) => PostgresClient;
}

const patienceMs = 10_000;

async function defaultClient(): Promise<(config: PostgresClientConfig) => PostgresClient> {
  try {
    const { default: pg } = await import("pg");
    return (config) => new pg.Client({ ...config }) as unknown as PostgresClient;
  } catch {
    throw new SecretsError("unsupported", "the package pg is not installed", { hint: "npm install pg" });
  }
}

/** Signs in, runs `work` and signs out. @throws SecretsError; `unauthenticated` where the login is refused. */
export async function withPostgres<T>(
  door: PostgresDoor,
  login: DatabaseLogin,
  signal: AbortSignal,
  work: (client: PostgresClient) => Promise<T>,
): Promise<T> {
  const make = door.client ?? (await defaultClient());
  signal.throwIfAborted();
  const limits = { connectionTimeoutMillis: patienceMs, query_timeout: patienceMs, application_name: "keyhold rotation" };
  const { url, user, password, host, port, database } = login;
  const place = { host: host ?? door.server?.host, port: port ?? door.server?.port, database: database ?? door.server?.database };
  const client = make({ ...limits, ...(url === undefined ? { ...place, user, password } : { connectionString: url }) });
  // A connection that breaks while nobody waits for it would end the process.
  client.on("error", () => {});
  const leave = () => void client.end().catch(() => {});
  signal.addEventListener("abort", leave, { once: true });
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw postgresError(error, user);
  } finally {
    signal.removeEventListener("abort", leave);
    await client.end().catch(() => {});
  }
}

/** By its SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html. Its message may quote a statement. */
function postgresError(error: unknown, user: string): SecretsError {
  if (isSecretsError(error)) return error;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const state = typeof code === "string" && /^[A-Z0-9_]{2,40}$/.test(code) ? code : "no code";
  if (state === "28P01" || state === "28000") {
    return new SecretsError("unauthenticated", `PostgreSQL refused the login of the role ${user} (${state})`, {
      hint: "Check its password, and pg_hba.conf.",
    });
  }
  if (state === "42501") {
    return new SecretsError("permission-denied", `PostgreSQL does not let the role ${user} do that (${state})`, {
      hint: "Whoever changes another role's password needs CREATEROLE and ADMIN OPTION on that role.",
    });
  }
  if (/^(?:08|53|57)/.test(state) || /^E[A-Z]+$/.test(state)) {
    return new SecretsError("unavailable", `PostgreSQL is not there or has no room (${state})`, {
      hint: "Nothing is lost: rotating again goes on with what was begun.",
    });
  }
  return new SecretsError("unknown", `PostgreSQL refused a statement of the rotation (${state})`, {
    hint: "docs/rotation.md lists the statements.",
  });
}

/** A name as an identifier. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

import pg from "pg";
import { enableDatabase } from "../servers/openbao/secrets-engines.ts";
import { type OpenBao, type OpenBaoOptions, startOpenBao } from "../servers/openbao/start-openbao.ts";
import { type PostgresServer, startPostgres } from "../servers/postgres/start-postgres.ts";

/** OpenBao with a database role, and the database whose users it makes. */
export interface DatabaseLogins {
  readonly bao: OpenBao;
  /** Signs in as such a user, asks something, and leaves. Gives the SQLSTATE of a refusal. */
  signIn(login: unknown): Promise<string | undefined>;
  /** The users that OpenBao made and that are still there. */
  users(): Promise<readonly string[]>;
  /** The leases that OpenBao knows. */
  leases(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function startDatabaseLogins(
  role: { readonly ttlSeconds: number; readonly maxTtlSeconds: number },
  options: OpenBaoOptions = {},
): Promise<DatabaseLogins> {
  const [bao, postgres]: [OpenBao, PostgresServer] = await Promise.all([startOpenBao(options), startPostgres()]);
  await enableDatabase(bao, "database", postgres, [{ role: "app", ...role }]);
  const ask = async (user: string, password: string, query: string): Promise<readonly any[]> => {
    const client = new pg.Client({ host: "127.0.0.1", port: postgres.port, user, password, database: "postgres" });
    // A server that ends says so to idle connections.
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query(query)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    bao,
    async signIn(login) {
      const { username, password } = login as { readonly username: string; readonly password: string };
      try {
        await ask(username, password, "select 1");
        return undefined;
      } catch (error) {
        return (error as { readonly code?: string }).code ?? "no SQLSTATE";
      }
    },
    async users() {
      const rows = await ask(postgres.user, postgres.password, "select rolname from pg_roles where rolname like 'v-%'");
      return rows.map(({ rolname }) => rolname as string);
    },
    async leases() {
      const { status, body } = await bao.request({ method: "LIST", path: "sys/leases/lookup/database/creds/app" });
      return status === 404 ? [] : body.data.keys;
    },
    async close() {
      await Promise.all([bao.close(), postgres.close()]);
    },
  };
}

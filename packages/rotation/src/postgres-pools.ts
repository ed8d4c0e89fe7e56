import type { Secret } from "@keyhold/core";
import { type PostgresLogin, postgresLogin } from "./postgres-login.ts";
import type { PostgresPackage } from "./postgres-pool.ts";
import { type FollowedSecret, type RotatingPool, rotatingPool } from "./rotating-pool.ts";

interface SwappedPool {
  connect(): Promise<{ release(): void }>;
  end(): Promise<void>;
  on(event: "error", listener: () => void): unknown;
}

export interface PostgresPoolsOptions<Config, Pool> {
  /** The default export of the package `pg`. */
  readonly pg: PostgresPackage<Config, Pool>;
  readonly handle: FollowedSecret;
  /** What node-postgres's `Pool` takes. What the secret says comes before it. */
  readonly config?: NoInfer<Config>;
  /** How a secret of another shape is read. */
  readonly login?: (secret: Secret) => PostgresLogin;
  /** As for `rotatingPool`. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Whole pools of node-postgres that take each other's place: a new one serves once its first connection has signed in, and the one
 * before is ended when its work is done. For two users in turn and for leases; where one user's password changes, take `postgresPool`,
 * which can sign in while the new password is only pending.
 *
 * @example
 * const pools = await postgresPools({ pg, handle: await secrets.handle("vault://database/creds/app"), config: { host, database } });
 * await pools.use((pool) => pool.query("select 1"));
 */
export function postgresPools<Config, Pool extends SwappedPool>(
  options: PostgresPoolsOptions<Config, Pool>,
): Promise<RotatingPool<Pool>> {
  const { pg, handle, config, login = postgresLogin, onError } = options;
  return rotatingPool<Pool>({
    handle,
    onError,
    async create(secret) {
      // Not among the pool's settings: those are printed with it.
      function Client(settings: object) {
        return new pg.Client({ ...settings, ...login(secret) });
      }
      const pool = new pg.Pool({ ...config, Client } as Config);
      // An idle connection that breaks has left the pool already; without a listener it would end the process.
      pool.on("error", () => {});
      try {
        (await pool.connect()).release();
      } catch (error) {
        await pool.end();
        throw error;
      }
      return pool;
    },
    drain: (pool) => pool.end(),
  });
}

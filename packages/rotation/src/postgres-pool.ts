import { isAuthenticationError, type ReferenceTo, type Secret, type Secrets } from "@keyhold/core";
import { type PostgresLogin, postgresLogin } from "./postgres-login.ts";
import { type WorkingLogin, workingLogin } from "./working-login.ts";

/** What is used of the package `pg`: hand in its default export, or its `native`. */
export interface PostgresPackage<Config, Pool> {
  readonly Pool: new (config: Config) => Pool;
  readonly Client: new (config: any) => PoolClient;
}

interface PoolClient {
  connect(callback?: (error: unknown) => void): unknown;
  end(): Promise<unknown>;
  on(event: "error", listener: () => void): unknown;
}

interface CheckedOut {
  release(destroy?: boolean): void;
}

/** What is replaced of a pool of node-postgres. */
interface OpenPool {
  connect(
    callback?: (error: unknown, client: CheckedOut | undefined, release: () => void) => void,
  ): Promise<CheckedOut> | undefined;
  end(callback?: () => void): Promise<void>;
  on(event: "connect" | "error", listener: (client: object) => void): unknown;
}

export interface PostgresPoolOptions<N extends string, Config, Pool> {
  /** The default export of the package `pg`. */
  readonly pg: PostgresPackage<Config, Pool>;
  readonly secrets: Pick<Secrets<N>, "handle" | "use">;
  /** A URL, a document with `username` and `password` (and `host`, `port`, `dbname`), or a password alone. */
  readonly reference: ReferenceTo<N>;
  /** What node-postgres's `Pool` takes. What the secret says comes before it. */
  readonly config?: NoInfer<Config>;
  /** How a secret of another shape is read. */
  readonly login?: (secret: Secret) => PostgresLogin;
}

const mostAttempts = 8;
const proofPauseMs = 1_000;

/**
 * A pool of node-postgres in which each new connection signs in with the newest login, user name included. It is a real `pg.Pool`, for
 * whatever takes one. A connection that is refused (SQLSTATE 28P01, 28000) signs in again, with a newer login or with one that is
 * pending, before anybody gets it: so one user's password can change under load, and no query ever runs twice. Once the newest login
 * is known to work, connections of the one before are ended as they are asked for; what runs on them ends in peace.
 *
 * Nothing else is retried. `pool.end()` ends the following too. Rejects as `secrets.handle` does.
 *
 * @example
 * const pool = await postgresPool({ pg, secrets, reference: "aws://prod/db", config: { max: 20 } });
 */
export async function postgresPool<N extends string, Config, Pool>(options: PostgresPoolOptions<N, Config, Pool>): Promise<Pool> {
  const { pg, config } = options;
  const login = await workingLogin(options.secrets, options.reference);
  const signedInWith = new WeakMap<object, Secret>();

  /** Node-postgres makes each client from the settings of the whole pool: here the login of the moment joins them. */
  function Client(settings: object): PoolClient {
    try {
      const secret = login.current;
      const client = new pg.Client({ ...settings, ...(options.login ?? postgresLogin)(secret) });
      signedInWith.set(client, secret);
      return client;
    } catch (error) {
      // Thrown here it would end the process: the pool makes clients on turns of its own.
      return refusing(new pg.Client(settings), error);
    }
  }
  const pool = new pg.Pool({ ...config, Client } as Config);
  const open = pool as OpenPool;
  open.on("connect", (client) => {
    const secret = signedInWith.get(client);
    if (secret !== undefined) login.accepted(secret);
  });
  // An idle connection that breaks has left the pool already; without a listener it would end the process.
  open.on("error", () => {});

  const prove = prover(login, () => Client({ ...config }), signedInWith);
  const connect = open.connect.bind(open) as () => Promise<CheckedOut>;
  const checkOut = async (): Promise<CheckedOut> => {
    for (let attempt = 1; ; ) {
      const tried = login.peek();
      let client: CheckedOut;
      try {
        client = await connect();
      } catch (error) {
        if (attempt === mostAttempts || tried === undefined || !isAuthenticationError(error)) throw error;
        attempt += 1;
        await login.refused(tried, error);
        continue;
      }
      const secret = signedInWith.get(client);
      if (secret === undefined || !login.isReplaced(secret)) {
        if (secret !== tried) prove();
        return client;
      }
      client.release(true);
    }
  };
  // `pool.query` goes through `pool.connect` too.
  open.connect = (callback) => {
    const checkingOut = checkOut();
    if (callback === undefined) return checkingOut;
    checkingOut.then(
      (client) => callback(undefined, client, client.release.bind(client)),
      (error) => callback(error, undefined, () => {}),
    );
    return undefined;
  };
  const end = open.end.bind(open);
  open.end = (callback) => {
    login.close();
    return end(callback);
  };
  return pool;
}

/** A client that has no login to connect with. */
function refusing(client: PoolClient, error: unknown): PoolClient {
  client.connect = (callback) => {
    if (callback === undefined) return Promise.reject(error);
    return process.nextTick(callback, error);
  };
  return client;
}

/** Signs in with what is current, beside the pool and at most once a second, so that a pool which needs no new connection learns that it works. */
function prover(login: WorkingLogin, make: () => PoolClient, signedInWith: WeakMap<object, Secret>): () => void {
  let quietUntil = 0;
  let isProving = false;
  return () => {
    const now = performance.now();
    if (isProving || now < quietUntil || login.isProven()) return;
    quietUntil = now + proofPauseMs;
    isProving = true;
    const client = make();
    client.on("error", () => {});
    const secret = signedInWith.get(client);
    Promise.resolve(client.connect())
      .then(() => secret && login.accepted(secret))
      .catch(() => {})
      .then(() => {
        isProving = false;
        return client.end();
      })
      .catch(() => {});
  };
}

import { isSecretsError, type RotationStep, type Rotator, type Secret, SecretsError } from "@keyhold/core";
import { type DatabaseLogin, databaseLogin } from "./database-login.ts";
import { type PostgresClient, type PostgresDoor, quoted, withPostgres } from "./postgres-connection.ts";
import { randomText, type TextPolicy } from "./random-text.ts";
import { scramVerifier } from "./scram-verifier.ts";

export interface PostgresOptions extends PostgresDoor {
  /**
   * `alternating`: two roles take turns, so that the current login works at every moment; the second is made where it is missing, as a
   * member of the first. `single`: one role, whose old password ends when the new one is set; until the new one is current, `use`
   * tries both. Default: `alternating`.
   */
  readonly strategy?: "alternating" | "single";
  /** The two names. Default: the current one and the same with `_clone` behind it. */
  readonly users?: readonly [string, string];
  /** A login that may change the roles' passwords: `() => secrets.get("aws://prod/db-admin")`. With `single`, by default the role itself. */
  readonly admin?: () => Secret | Promise<Secret>;
  /** Of the new passwords, in ASCII. Default: 32 letters and digits. */
  readonly password?: TextPolicy;
}

/**
 * A login to PostgreSQL: a document with `username` and `password` (and `host`, `port`, `dbname`, as AWS writes it) or a URL.
 *
 * The password is set as a SCRAM-SHA-256 verifier that is made here, so it stands in no statement and in no log. It is set under an
 * advisory lock, in a transaction that first asks whether this rotation is still the one under way: who was frozen meanwhile sets
 * nothing. Needs the package `pg`.
 *
 * @throws SecretsError `invalid-argument` for `alternating` without an admin.
 * @example
 * await secrets.rotate("aws://prod/db", postgres({ admin: () => secrets.get("aws://prod/db-admin") }));
 */
export function postgres(options: PostgresOptions = {}): Rotator {
  const { strategy = "alternating", users, admin } = options;
  if (strategy === "alternating" && admin === undefined) {
    throw new SecretsError("invalid-argument", "two roles that take turns need an admin who sets their passwords", {
      hint: 'Give { admin: () => secrets.get("…") }, or { strategy: "single" }.',
    });
  }
  const draw = randomText(options.password ?? {});
  const nextUser = (user: string) => {
    if (strategy === "single") return user;
    const next = other(user, users);
    if (cut(next) !== cut(user)) return next;
    throw new SecretsError("invalid-argument", "PostgreSQL cuts names to 63 bytes, and so takes the second role for the first", {
      hint: "Name both roles, in { users }.",
    });
  };

  /** Signs in as who sets the password. Undefined: the role has none but the pending one. */
  const asAdmin = async (login: DatabaseLogin, signal: AbortSignal, work: (client: PostgresClient) => Promise<void>) => {
    const own = admin && databaseLogin(await admin());
    const { server } = options;
    const where = {
      host: login.host ?? server?.host,
      port: login.port ?? server?.port,
      database: login.database ?? server?.database,
    };
    await withPostgres({ ...options, server: where }, own ?? login, signal, work);
  };

  return {
    kind: "postgres",

    create({ current }) {
      const login = databaseLogin(current);
      const password = draw();
      // Others would have to be prepared by SASLprep before they are hashed.
      if (!/^[\x20-\x7e]+$/.test(password))
        throw new SecretsError("invalid-argument", "the passwords' characters are not all ASCII");
      return login.with(nextUser(login.user), password);
    },

    async set(pending, step) {
      const [login, before] = [databaseLogin(pending), databaseLogin(step.current)];
      if (strategy === "alternating" && login.user === before.user) {
        throw new SecretsError("conflict", "the pending login has the role that is in use", {
          hint: "It was begun by another strategy. { abandonPending: true } gives it up once the current version has changed.",
        });
      }
      const verifier = await scramVerifier(login.password);
      try {
        await asAdmin(before, step.signal, (client) => setPassword(client, { login, before, verifier, step }));
      } catch (error) {
        // A role that changes its own password cannot sign in by the old one after an earlier run has set it.
        if (admin !== undefined || !isSecretsError(error, "unauthenticated")) throw error;
        await withPostgres(options, login, step.signal, async () => {});
      }
    },

    test: (pending, { signal }) =>
      withPostgres(options, databaseLogin(pending), signal, async (client) => void (await client.query("select 1"))),

    async check({ current, signal }) {
      const login = databaseLogin(current);
      await withPostgres(options, login, signal, async () => {});
      await asAdmin(login, signal, async (client) => {
        const { rows } = await client.query("select rolsuper or rolcreaterole as may from pg_roles where rolname = current_user");
        if (admin === undefined || rows[0]?.may === true) return;
        throw new SecretsError("permission-denied", "the admin may not change other roles' passwords", {
          hint: "Give it CREATEROLE, and ADMIN OPTION on the roles that it rotates.",
        });
      });
    },
  };
}

/** A name as PostgreSQL keeps it. */
const cut = (name: string): string => Buffer.from(name).subarray(0, 63).toString("latin1");

function other(user: string, users: readonly [string, string] | undefined): string {
  if (users === undefined) return user.endsWith("_clone") ? user.slice(0, -"_clone".length) : `${user}_clone`;
  const [first, second] = users;
  if (user === first) return second;
  if (user === second) return first;
  throw new SecretsError("invalid-argument", "the current login has neither of the two roles", {
    hint: "Name the roles as the database does, in { users }.",
  });
}

interface Change {
  readonly login: DatabaseLogin;
  readonly before: DatabaseLogin;
  readonly verifier: string;
  readonly step: RotationStep;
}

async function setPassword(client: PostgresClient, { login, before, verifier, step }: Change): Promise<void> {
  const role = quoted(login.user);
  await client.query("begin");
  await client.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [
    `keyhold rotation ${[login.user, before.user].sort()[0]}`,
  ]);
  // Under the lock: whoever comes later waits for this transaction, so what is true now stays true until it ends.
  await step.confirm();
  const { rows } = await client.query("select 1 from pg_roles where rolname = $1", [login.user]);
  // Not as a parameter, which PostgreSQL has none of here. The verifier has no quote in it.
  if (rows.length > 0) await client.query(`alter role ${role} password '${verifier}'`);
  else {
    await client.query(`create role ${role} login password '${verifier}'`);
    await client.query(`grant ${quoted(before.user)} to ${role}`);
  }
  await client.query("commit");
}

import { type Secret, SecretsError } from "@keyhold/core";

/** Who signs in to which database, as a secret holds it. */
export interface DatabaseLogin {
  readonly user: string;
  readonly password: string;
  /** The whole, where the secret is a URL. */
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  /** The same secret for another user: a URL as a URL, a document with all that it held. */
  with(user: string, password: string): string | Readonly<Record<string, unknown>>;
}

const refuse = () =>
  new SecretsError("decode", "this secret is no login to a database", {
    hint: 'It is a URL such as postgres://user:password@host/db, or a document with "username" and "password" (and "host", "port", "dbname").',
  });

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** @throws SecretsError `decode`. */
export function databaseLogin(secret: Secret): DatabaseLogin {
  let whole: string | undefined;
  try {
    whole = secret.text();
  } catch {
    // It has fields.
  }
  return whole !== undefined && /^\w+:\/\//.test(whole) ? fromUrl(whole) : fromDocument(secret);
}

function fromUrl(whole: string): DatabaseLogin {
  try {
    const { username, password } = new URL(whole);
    const login = { user: decodeURIComponent(username), password: decodeURIComponent(password) };
    if (login.user === "") throw new TypeError();
    return {
      ...login,
      url: whole,
      with(user, another) {
        const url = new URL(whole);
        url.username = encodeURIComponent(user);
        url.password = encodeURIComponent(another);
        return url.href;
      },
    };
  } catch {
    // The error of a URL quotes it.
    throw refuse();
  }
}

function fromDocument(secret: Secret): DatabaseLogin {
  let document: Readonly<Record<string, unknown>>;
  try {
    document = secret.json() as Readonly<Record<string, unknown>>;
  } catch {
    throw refuse();
  }
  if (typeof document !== "object" || document === null) throw refuse();
  const [userKey, databaseKey] = ["username" in document ? "username" : "user", "dbname" in document ? "dbname" : "database"];
  const [user, password] = [text(document[userKey]), text(document.password)];
  if (user === undefined || password === undefined) throw refuse();
  const port = Number(document.port ?? Number.NaN);
  return {
    user,
    password,
    host: text(document.host),
    port: Number.isInteger(port) ? port : undefined,
    database: text(document[databaseKey]),
    with: (another, next) => ({ ...document, [userKey]: another, password: next }),
  };
}

import { type CallContext, placeholder, SecretsError } from "@keyhold/core";

/**
 * What signs requests to AWS. The same shape as in AWS's own packages, so that credentials and providers of either side fit the
 * other; hence `expiration` is a `Date`.
 */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Belongs to temporary credentials. */
  readonly sessionToken?: string;
  /** When temporary credentials end, if that is known. */
  readonly expiration?: Date;
}

/**
 * Gives the credentials to sign with now. Whoever signs asks each time, or keeps what has an `expiration` until shortly before it.
 *
 * @throws SecretsError `unauthenticated` when there are none, `invalid-argument` when there are only parts of them.
 */
export type AwsCredentialProvider = (context: CallContext) => Promise<AwsCredentials>;

/**
 * An `AwsCredentialProvider` that AWS's own clients can call too, which hand over something else than a call context.
 * Without one, a call may take 30 seconds.
 */
export type AwsCredentialSource = (context?: object) => Promise<AwsCredentials>;

/** The parts of credentials, some of which may be missing. Blank ones count as missing. */
export interface CredentialParts {
  readonly accessKeyId: string | undefined;
  readonly secretAccessKey: string | undefined;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

const present = (text: string | undefined): string | undefined => text?.trim() || undefined;

/** Hides from `console.log` and JSON what an error or a log line could carry away. A spread copy has the plain parts. */
function hidden(credentials: AwsCredentials): AwsCredentials {
  const shown = () => ({ accessKeyId: credentials.accessKeyId, secretAccessKey: placeholder });
  return Object.freeze(
    Object.defineProperties(credentials, {
      [Symbol.for("nodejs.util.inspect.custom")]: { value: shown },
      toJSON: { value: shown },
    }),
  );
}

/**
 * Puts credentials together. `undefined` when there is neither key.
 *
 * @throws SecretsError `invalid-argument` for one key without the other, with `hint`.
 */
export function credentialsFrom(parts: CredentialParts, hint: string): AwsCredentials | undefined {
  const [accessKeyId, secretAccessKey] = [present(parts.accessKeyId), present(parts.secretAccessKey)];
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = accessKeyId === undefined ? "access key id" : "secret access key";
    throw new SecretsError("invalid-argument", `the AWS credentials have no ${missing}`, { hint });
  }
  const sessionToken = present(parts.sessionToken);
  return hidden({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    ...(parts.expiration === undefined ? {} : { expiration: parts.expiration }),
  });
}

/**
 * Credentials as AWS's services and processes write them.
 *
 * @throws SecretsError `decode`, which repeats nothing of them.
 */
export function credentialsFromAnswer(answer: Readonly<Record<string, unknown>>, what: string): AwsCredentials {
  const { AccessKeyId, SecretAccessKey, SessionToken, Token, Expiration } = answer;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  const expiration = Expiration === undefined ? undefined : new Date(text(Expiration) ?? Number.NaN);
  const parts = {
    accessKeyId: text(AccessKeyId)?.trim(),
    secretAccessKey: text(SecretAccessKey)?.trim(),
    sessionToken: text(SessionToken) ?? text(Token),
    expiration,
  };
  const hint = "Something else may answer there.";
  if (!parts.accessKeyId || !parts.secretAccessKey || Number.isNaN(expiration?.getTime())) {
    throw new SecretsError("decode", `the answer of ${what} holds no AWS credentials`, { hint });
  }
  return credentialsFrom(parts, hint) as AwsCredentials;
}

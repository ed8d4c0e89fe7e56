import { type CallContext, SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import { ask, objectOf, signInError, unexpectedAnswer } from "./ask.ts";
import { type AwsCredentialSource, credentialsFromAnswer } from "./aws-credentials.ts";
import { awsEndpoint } from "./aws-endpoint.ts";
import type { Environment } from "./environment.ts";
import { homePath } from "./home-path.ts";
import { identityContext } from "./identity-context.ts";
import { parseCredentialJson, readCredentialFile } from "./read-credential-file.ts";

export interface SingleSignOnAwsOptions {
  /** The name of the session, or the start URL of a profile without one: what `aws sso login` keeps its token under. */
  readonly session: string;
  readonly region: string;
  readonly accountId: string;
  readonly roleName: string;
  /** For AWS's sign-on services. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

type CachedToken = Readonly<Record<string, unknown>>;

const what = "AWS's single sign-on";
const signInAgain = "Run aws sso login with this profile.";
const renewAheadMs = 5 * 60_000;

const ended = (): SecretsError =>
  new SecretsError("unauthenticated", "the AWS single sign-on session has ended", { hint: signInAgain });

const text = (token: CachedToken, name: string): string | undefined => {
  const value = token[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/** Replaces the file whole, as the command line reads it at any time. What cannot be written is renewed again next time. */
async function keep(file: string, token: CachedToken): Promise<void> {
  const { rename, rm, writeFile } = process.getBuiltinModule("node:fs/promises");
  const beside = `${file}.${process.pid}.${Date.now()}`;
  try {
    await writeFile(beside, JSON.stringify(token), { mode: 0o600, flag: "wx" });
    await rename(beside, file);
  } catch {
    await rm(beside, { force: true }).catch(() => {});
  }
}

/** https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html */
async function renew(token: CachedToken, file: string, options: SingleSignOnAwsOptions, context: CallContext): Promise<string> {
  const { region, tls, environment = process.env } = options;
  const [clientId, clientSecret, refreshToken] = ["clientId", "clientSecret", "refreshToken"].map((name) => text(token, name));
  if (!clientId || !clientSecret || !refreshToken) throw ended();
  const json = { clientId, clientSecret, refreshToken, grantType: "refresh_token" };
  const url = `${awsEndpoint("SSO_OIDC", region, environment)}/token`;
  const response = await ask({ what, url, tls, method: "POST", json }, context);
  if (response.status !== 200) throw signInError(response, what, context, signInAgain);
  const answer = objectOf(response, what);
  const [accessToken, seconds] = [text(answer, "accessToken"), answer.expiresIn];
  if (accessToken === undefined || typeof seconds !== "number") throw unexpectedAnswer(what);
  const expiresAt = new Date(context.clock.now() + seconds * 1000).toISOString();
  await keep(file, { ...token, accessToken, expiresAt, refreshToken: text(answer, "refreshToken") ?? refreshToken });
  return accessToken;
}

/** The token that `aws sso login` left. */
async function sessionToken(options: SingleSignOnAwsOptions, context: CallContext): Promise<string> {
  const { session, environment = process.env } = options;
  const name = process.getBuiltinModule("node:crypto").createHash("sha1").update(session).digest("hex");
  const file = homePath(`~/.aws/sso/cache/${name}.json`, environment);
  const token = parseCredentialJson(await readCredentialFile(file, what), `the file of ${what}`);
  const accessToken = text(token, "accessToken");
  const leftMs = Date.parse(text(token, "expiresAt") ?? "") - context.clock.now();
  if (accessToken === undefined || Number.isNaN(leftMs)) throw ended();
  if (leftMs > renewAheadMs) return accessToken;
  try {
    return await renew(token, file, options, context);
  } catch (error) {
    if (leftMs > 0) return accessToken;
    throw error;
  }
}

/**
 * The credentials of a role for a person who has signed in by `aws sso login`. A token that is about to end is renewed, and kept
 * for the command line.
 *
 * @throws SecretsError `unauthenticated` when nobody has signed in, or the session has ended.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
 */
export function singleSignOnAwsCredentials(options: SingleSignOnAwsOptions): AwsCredentialSource {
  const { region, accountId, roleName, tls, environment = process.env } = options;
  return async (given) => {
    const context = identityContext(given);
    const token = await sessionToken(options, context);
    const response = await ask(
      {
        what,
        url: `${awsEndpoint("SSO", region, environment)}/federation/credentials`,
        tls,
        query: { account_id: accountId, role_name: roleName },
        headers: { "x-amz-sso_bearer_token": token },
      },
      context,
    );
    if (response.status !== 200) throw signInError(response, what, context, signInAgain);
    const { roleCredentials } = objectOf(response, what);
    if (typeof roleCredentials !== "object" || roleCredentials === null) throw unexpectedAnswer(what);
    const { accessKeyId, secretAccessKey, sessionToken: session, expiration } = roleCredentials as Record<string, unknown>;
    const answer = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: session };
    const endsAt = typeof expiration === "number" ? new Date(expiration) : new Date(Number.NaN);
    return credentialsFromAnswer({ ...answer, Expiration: Number.isNaN(endsAt.getTime()) ? "" : endsAt.toISOString() }, what);
  };
}

import { SecretsError } from "@keyhold/core";
import { type AwsCredentials, credentialsFrom } from "./aws-credentials.ts";
import { type AwsProfile, parseAwsProfiles } from "./aws-profiles.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SharedFileAwsOptions {
  /** Default: AWS_PROFILE, then `default`. */
  readonly profile?: string;
  /** Default: AWS_SHARED_CREDENTIALS_FILE, then `~/.aws/credentials`. */
  readonly credentialsFile?: string;
  /** Default: AWS_CONFIG_FILE, then `~/.aws/config`. */
  readonly configFile?: string;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/** Settings that stand for credentials to be fetched from elsewhere. */
const otherSources = [
  "role_arn",
  "credential_process",
  "web_identity_token_file",
  "sso_session",
  "sso_start_url",
  "login_session",
];

function fullPath(file: string, environment: Environment): string {
  const { join, sep } = process.getBuiltinModule("node:path");
  if (!file.startsWith("~/") && !file.startsWith(`~${sep}`)) return file;
  return join(environment.HOME || environment.USERPROFILE || process.getBuiltinModule("node:os").homedir(), file.slice(2));
}

async function readProfiles(path: string, file: "credentials" | "config"): Promise<ReadonlyMap<string, AwsProfile>> {
  try {
    return parseAwsProfiles(await process.getBuiltinModule("node:fs/promises").readFile(path, "utf8"), file);
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    if (code === "ENOENT" || code === "ENOTDIR") return new Map();
    const denied = code === "EACCES" || code === "EPERM";
    throw new SecretsError(denied ? "permission-denied" : "unavailable", `the shared AWS ${file} file cannot be read (${code})`, {
      retryable: false,
      hint: `Check the path in ${file === "config" ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE"} and the file's owner and mode.`,
    });
  }
}

/** A pair of keys and its token come from one file, as one file may hold the keys and the other an old token. */
function keysOf(profile: AwsProfile | undefined): AwsCredentials | undefined {
  return credentialsFrom(
    {
      accessKeyId: profile?.get("aws_access_key_id"),
      secretAccessKey: profile?.get("aws_secret_access_key"),
      sessionToken: profile?.get("aws_session_token"),
    },
    "The profile needs both aws_access_key_id and aws_secret_access_key, in the same file.",
  );
}

/**
 * The keys of a profile in the shared `credentials` or `config` file, the first of these before the second. Both files are read anew
 * at each call, as tools rewrite them.
 *
 * @throws SecretsError `unauthenticated` when there is no such profile or it has no keys, `unsupported` when it names a role, a
 * process or a single sign-on instead, `invalid-argument` when a key is missing, `permission-denied` when a file cannot be read.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
 */
export function sharedFileAwsCredentials(options: SharedFileAwsOptions = {}): () => Promise<AwsCredentials> {
  const { environment = process.env } = options;
  return async () => {
    const name = options.profile ?? (environment.AWS_PROFILE || "default");
    const credentialsFile = options.credentialsFile ?? (environment.AWS_SHARED_CREDENTIALS_FILE || "~/.aws/credentials");
    const configFile = options.configFile ?? (environment.AWS_CONFIG_FILE || "~/.aws/config");
    const [credentials, config] = await Promise.all([
      readProfiles(fullPath(credentialsFile, environment), "credentials"),
      readProfiles(fullPath(configFile, environment), "config"),
    ]);
    const profiles = [credentials.get(name), config.get(name)];
    const other = otherSources.find((setting) => profiles.some((profile) => profile?.get(setting)));
    // A role comes before keys in the same profile, which then only serve to take it on: with the keys it would be another identity.
    const keys = other === "role_arn" ? undefined : (keysOf(profiles[0]) ?? keysOf(profiles[1]));
    if (keys !== undefined) return keys;
    if (other !== undefined) {
      throw new SecretsError(
        "unsupported",
        `the AWS profile "${name}" gets its credentials by ${other}, which is not read here`,
        {
          hint: "Pass a provider of AWS's own package as credentials: fromNodeProviderChain() of @aws-sdk/credential-providers.",
        },
      );
    }
    const known = profiles.some((profile) => profile !== undefined);
    throw new SecretsError("unauthenticated", `the AWS profile "${name}" ${known ? "has no keys" : "is in no shared file"}`, {
      hint: "Check AWS_PROFILE and ~/.aws/credentials, or AWS_SHARED_CREDENTIALS_FILE where it lies elsewhere.",
    });
  };
}

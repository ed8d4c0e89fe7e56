import { type CallContext, SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import { assumedRoleAwsCredentials } from "./assumed-role-aws-credentials.ts";
import { type AwsCredentialSource, type AwsCredentials, credentialsFrom } from "./aws-credentials.ts";
import { awsRegionOf } from "./aws-endpoint.ts";
import type { AwsProfile } from "./aws-profiles.ts";
import { readSharedFiles, type SharedFileLocations, type SharedFiles } from "./aws-shared-files.ts";
import { containerAwsCredentials } from "./container-aws-credentials.ts";
import { environmentAwsCredentials } from "./environment-aws-credentials.ts";
import { homePath } from "./home-path.ts";
import { identityContext } from "./identity-context.ts";
import { instanceAwsCredentials } from "./instance-aws-credentials.ts";
import { processAwsCredentials } from "./process-aws-credentials.ts";
import { singleSignOnAwsCredentials } from "./single-sign-on-aws-credentials.ts";
import { webIdentityAwsCredentials } from "./web-identity-aws-credentials.ts";

export interface SharedFileAwsOptions extends SharedFileLocations {
  /** Default: AWS_PROFILE, then `default`. */
  readonly profile?: string;
  /** Where roles are taken on. Default: the profile's `region`, AWS_REGION, AWS_DEFAULT_REGION, then us-east-1. */
  readonly region?: string;
  /** For AWS's token service and single sign-on. */
  readonly tls?: TlsOptions;
}

/** One profile as both files have it; `credentials` goes before `config`. */
interface Profile {
  readonly name: string;
  readonly files: readonly (AwsProfile | undefined)[];
  setting(name: string): string | undefined;
}

function profileOf({ credentials, config }: SharedFiles, name: string): Profile | undefined {
  const files = [credentials.get(name), config.get(name)];
  if (files.every((file) => file === undefined)) return undefined;
  return { name, files, setting: (setting) => files.map((file) => file?.get(setting)).find(Boolean) };
}

/** A pair of keys and its token come from one file, as one file may hold the keys and the other an old token. */
function keysOf({ files }: Profile): AwsCredentials | undefined {
  for (const file of files) {
    const keys = credentialsFrom(
      {
        accessKeyId: file?.get("aws_access_key_id"),
        secretAccessKey: file?.get("aws_secret_access_key"),
        sessionToken: file?.get("aws_session_token"),
      },
      "The profile needs both aws_access_key_id and aws_secret_access_key, in the same file.",
    );
    if (keys !== undefined) return keys;
  }
  return undefined;
}

const invalid = (name: string, what: string, hint: string): SecretsError =>
  new SecretsError("invalid-argument", `the AWS profile "${name}" ${what}`, { hint });

interface Resolving {
  readonly files: SharedFiles;
  readonly options: SharedFileAwsOptions;
  readonly context: CallContext;
  /** The profiles that led here. */
  readonly path: readonly string[];
}

/** Who takes on the role of a profile. */
function roleSource(profile: Profile, resolving: Resolving): AwsCredentialSource {
  const { options, path } = resolving;
  const [from, credentialSource] = [profile.setting("source_profile"), profile.setting("credential_source")];
  if ((from === undefined) === (credentialSource === undefined)) {
    const hint = "A role_arn needs source_profile, credential_source or web_identity_token_file: one of them.";
    throw invalid(profile.name, "does not say who takes on its role", hint);
  }
  if (from !== undefined) {
    const keys = from === profile.name ? keysOf(profile) : undefined;
    if (keys !== undefined) return async () => keys;
    if (from === profile.name || path.includes(from)) throw invalid(profile.name, "leads to itself", "Check source_profile.");
    return () => resolve(from, { ...resolving, path: [...path, profile.name] });
  }
  if (credentialSource === "Environment") return environmentAwsCredentials(options);
  if (credentialSource === "EcsContainer") return containerAwsCredentials(options);
  if (credentialSource === "Ec2InstanceMetadata") return instanceAwsCredentials(options);
  throw invalid(profile.name, "has a credential_source that is none", "Write Environment, EcsContainer or Ec2InstanceMetadata.");
}

function roleOf(profile: Profile, roleArn: string, resolving: Resolving): AwsCredentialSource {
  const { environment = process.env, tls } = resolving.options;
  const region = resolving.options.region ?? profile.setting("region") ?? awsRegionOf(environment);
  const sessionName = profile.setting("role_session_name");
  const role = {
    roleArn,
    environment,
    ...(tls === undefined ? {} : { tls }),
    ...(region === undefined ? {} : { region }),
    ...(sessionName === undefined ? {} : { sessionName }),
  };
  const tokenFile = profile.setting("web_identity_token_file");
  if (tokenFile !== undefined) return webIdentityAwsCredentials({ ...role, tokenFile: homePath(tokenFile, environment) });
  if (profile.setting("mfa_serial") !== undefined) {
    throw new SecretsError("unsupported", `the AWS profile "${profile.name}" wants a second factor`, {
      hint: "A service has nobody to ask for a code: use a role that wants none, or aws configure export-credentials.",
    });
  }
  const externalId = profile.setting("external_id");
  const seconds = profile.setting("duration_seconds");
  if (seconds !== undefined && !/^\d{1,6}$/.test(seconds)) {
    throw invalid(profile.name, "has a duration_seconds that is no number", "Write it like 3600.");
  }
  return assumedRoleAwsCredentials({
    ...role,
    source: roleSource(profile, resolving),
    ...(externalId === undefined ? {} : { externalId }),
    ...(seconds === undefined ? {} : { durationMs: Number(seconds) * 1000 }),
  });
}

function signOnOf(profile: Profile, { files, options }: Resolving): AwsCredentialSource {
  const session = profile.setting("sso_session");
  const settings = session === undefined ? undefined : files.sessions.get(session);
  const setting = (name: string): string => {
    const value = settings?.get(name) || profile.setting(name);
    if (value !== undefined) return value;
    throw invalid(profile.name, `has no ${name}`, "Run aws configure sso, which writes what single sign-on needs.");
  };
  return singleSignOnAwsCredentials({
    session: session ?? setting("sso_start_url"),
    region: setting("sso_region"),
    accountId: setting("sso_account_id"),
    roleName: setting("sso_role_name"),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  });
}

async function resolve(name: string, resolving: Resolving): Promise<AwsCredentials> {
  const { files, options, context, path } = resolving;
  const profile = profileOf(files, name);
  if (profile === undefined) {
    throw new SecretsError("unauthenticated", `the AWS profile "${name}" is in no shared file`, {
      hint: "Check AWS_PROFILE and ~/.aws/credentials, or AWS_SHARED_CREDENTIALS_FILE where it lies elsewhere.",
    });
  }
  // A profile that others take on roles with is meant by its keys. Otherwise its role goes first: with the keys it is somebody else.
  const roleArn = profile.setting("role_arn");
  const keys = roleArn === undefined || path.length > 0 ? keysOf(profile) : undefined;
  if (keys !== undefined) return keys;
  if (roleArn !== undefined) return roleOf(profile, roleArn, resolving)(context);
  const command = profile.setting("credential_process");
  if (command !== undefined) {
    return processAwsCredentials({ command, ...(options.environment && { environment: options.environment }) })(context);
  }
  if (profile.setting("sso_session") ?? profile.setting("sso_start_url")) return signOnOf(profile, resolving)(context);
  if (profile.setting("login_session") !== undefined) {
    throw new SecretsError("unsupported", `the AWS profile "${name}" gets its credentials by login_session`, {
      hint: "That is for people at a console. Use a role, or a provider of @aws-sdk/credential-providers.",
    });
  }
  throw new SecretsError("unauthenticated", `the AWS profile "${name}" has no keys`, {
    hint: "It has neither keys nor role_arn, credential_process or sso_session: aws configure writes them.",
  });
}

/** Whether a profile says anything of credentials. */
export async function namesAwsCredentials(options: SharedFileAwsOptions, name: string): Promise<boolean> {
  const profile = profileOf(await readSharedFiles(options), name);
  const settings = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "role_arn",
    "credential_process",
    "sso_session",
    "sso_start_url",
  ];
  return [...settings, "login_session"].some((setting) => profile?.setting(setting) !== undefined);
}

/**
 * The credentials of a profile in the shared `credentials` and `config` files: its keys, or those that its role, its process or
 * its single sign-on gives. The files are read anew at each call, as tools rewrite them.
 *
 * @throws SecretsError `unauthenticated` when there is no such profile, it has no credentials or AWS refuses them,
 * `invalid-argument` for a profile that is half written, `unsupported` for one that asks a person, `permission-denied` when a file
 * cannot be read.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function sharedFileAwsCredentials(options: SharedFileAwsOptions = {}): AwsCredentialSource {
  const { environment = process.env } = options;
  return async (given) => {
    const context = identityContext(given);
    const name = options.profile ?? (environment.AWS_PROFILE || "default");
    return resolve(name, { files: await readSharedFiles(options), options, context, path: [] });
  };
}

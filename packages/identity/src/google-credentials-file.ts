import { isSecretsError, SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import type { Environment } from "./environment.ts";
import { parseCredentialJson, readCredentialFile } from "./read-credential-file.ts";

export interface GoogleTokensOptions {
  /** Default: GOOGLE_APPLICATION_CREDENTIALS, then what `gcloud auth application-default login` leaves, then the metadata server. */
  readonly credentialsFile?: string;
  /** For Google's token services. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/** What a credentials file holds, and where its tokens are asked for. */
export interface GoogleCredentials {
  readonly json: Readonly<Record<string, unknown>>;
  readonly tls: TlsOptions | undefined;
  readonly environment: Environment;
}

/** https://cloud.google.com/docs/authentication/application-default-credentials#personal */
function wellKnownFile(environment: Environment): string | undefined {
  const { join } = process.getBuiltinModule("node:path");
  const parent = process.platform === "win32" ? environment.APPDATA : environment.HOME && join(environment.HOME, ".config");
  const folder = environment.CLOUDSDK_CONFIG || (parent && join(parent, "gcloud"));
  return folder ? join(folder, "application_default_credentials.json") : undefined;
}

/** The credentials file of this workload; undefined where there is none. @throws SecretsError for one that cannot be used. */
export async function googleCredentials(options: GoogleTokensOptions): Promise<GoogleCredentials | undefined> {
  const { environment = process.env, tls } = options;
  const named = options.credentialsFile ?? (environment.GOOGLE_APPLICATION_CREDENTIALS || undefined);
  const what = "Google's credentials";
  const file = named ?? wellKnownFile(environment);
  if (file === undefined) return undefined;
  try {
    return { json: parseCredentialJson(await readCredentialFile(file, what), `the file of ${what}`), tls, environment };
  } catch (error) {
    const isAbsent = named === undefined && isSecretsError(error, "unauthenticated") && error.message.endsWith("(ENOENT)");
    if (isAbsent) return undefined;
    throw error;
  }
}

/** A text of a credentials file. @throws SecretsError `invalid-argument` when it is missing. */
export function demanded(json: Readonly<Record<string, unknown>>, name: string): string {
  const value = json[name];
  if (typeof value === "string" && value !== "") return value;
  throw new SecretsError("invalid-argument", `Google's credentials have no ${name}`, { hint: "Check that the file is whole." });
}

/** A text that may be missing. */
export function optional(json: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = json[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An object within a credentials file. @throws SecretsError `invalid-argument` when it is missing. */
export function demandedObject(json: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const value = json[name];
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw new SecretsError("invalid-argument", `Google's credentials have no ${name}`, { hint: "Check that the file is whole." });
}

export function unsupportedGoogleType(): SecretsError {
  return new SecretsError("unsupported", "Google's credentials are of a type that is not read here", {
    hint: "service_account, authorized_user, impersonated_service_account and external_account (file, url, aws) are.",
  });
}

import { SecretsError } from "@keyhold/core";
import { type AwsProfile, parseAwsProfiles, parseAwsSessions } from "./aws-profiles.ts";
import type { Environment } from "./environment.ts";
import { homePath } from "./home-path.ts";
import { readTextFile } from "./read-text-file.ts";

export interface SharedFileLocations {
  /** Default: AWS_SHARED_CREDENTIALS_FILE, then `~/.aws/credentials`. */
  readonly credentialsFile?: string;
  /** Default: AWS_CONFIG_FILE, then `~/.aws/config`. */
  readonly configFile?: string;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/** What the two files hold. */
export interface SharedFiles {
  readonly credentials: ReadonlyMap<string, AwsProfile>;
  readonly config: ReadonlyMap<string, AwsProfile>;
  readonly sessions: ReadonlyMap<string, AwsProfile>;
}

async function readText(path: string, file: "credentials" | "config"): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    if (code === "ENOENT" || code === "ENOTDIR") return "";
    const denied = code === "EACCES" || code === "EPERM";
    throw new SecretsError(denied ? "permission-denied" : "unavailable", `the shared AWS ${file} file cannot be read (${code})`, {
      retryable: false,
      hint: `Check the path in ${file === "config" ? "AWS_CONFIG_FILE" : "AWS_SHARED_CREDENTIALS_FILE"} and the file's owner and mode.`,
    });
  }
}

/** @see https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html */
export async function readSharedFiles(locations: SharedFileLocations): Promise<SharedFiles> {
  const { environment = process.env } = locations;
  const credentialsFile = locations.credentialsFile ?? (environment.AWS_SHARED_CREDENTIALS_FILE || "~/.aws/credentials");
  const configFile = locations.configFile ?? (environment.AWS_CONFIG_FILE || "~/.aws/config");
  const [credentials, config] = await Promise.all([
    readText(homePath(credentialsFile, environment), "credentials"),
    readText(homePath(configFile, environment), "config"),
  ]);
  return {
    credentials: parseAwsProfiles(credentials, "credentials"),
    config: parseAwsProfiles(config, "config"),
    sessions: parseAwsSessions(config),
  };
}

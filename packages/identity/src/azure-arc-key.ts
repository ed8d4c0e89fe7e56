import { SecretsError } from "@keyhold/core";
import type { Environment } from "./environment.ts";
import { readCredentialFile } from "./read-credential-file.ts";

/** Where the agent of Azure Arc leaves the key, which only those who may have the identity can read. */
const folderOf = (environment: Environment): string =>
  process.platform === "win32"
    ? `${environment.ProgramData ?? "C:\\ProgramData"}\\AzureConnectedMachineAgent\\Tokens\\`
    : "/var/opt/azcmagent/tokens/";

/**
 * The header that answers the agent's challenge. The path comes from whoever answered, so it has to be in the agent's folder: else a
 * program that listens there instead could have any file sent to it.
 *
 * @throws SecretsError `unauthenticated`.
 * @see https://learn.microsoft.com/en-us/azure/azure-arc/servers/managed-identity-authentication#acquiring-an-access-token-using-rest-api
 */
export async function arcAuthorization(challenge: string | undefined, environment: Environment): Promise<string> {
  const path = /^Basic realm=(.+)$/i.exec(challenge ?? "")?.[1] ?? "";
  const folder = folderOf(environment);
  const name = path.slice(folder.length);
  if (!path.startsWith(folder) || !/^[\w-]+\.key$/.test(name)) {
    throw new SecretsError("unauthenticated", "the agent of Azure Arc names a key outside of its folder", {
      hint: "Check what listens at IDENTITY_ENDPOINT.",
    });
  }
  return `Basic ${await readCredentialFile(path, "the key of Azure Arc")}`;
}

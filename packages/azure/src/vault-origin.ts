import { SecretsError } from "@keyhold/core";
import type { AzureOptions } from "./azure-options.ts";

type VaultAddress = Pick<AzureOptions, "vaultUrl" | "vaultName" | "vaultDnsSuffix">;

const refuse = (what: string, hint: string) => new SecretsError("invalid-argument", what, { provider: "azure", hint });

/** The vault's origin, such as `https://ml-prod.vault.azure.net`. The text that was given is never repeated. */
export function vaultOrigin({ vaultUrl, vaultName, vaultDnsSuffix = "vault.azure.net" }: VaultAddress): string {
  if ((vaultUrl === undefined) === (vaultName === undefined)) {
    throw refuse("azure() takes vaultUrl or vaultName, one of the two", 'azure({ vaultName: "ml-prod" })');
  }
  if (vaultName !== undefined && !/^[a-zA-Z](?:-?[0-9a-zA-Z]){2,23}$/.test(vaultName)) {
    throw refuse("vaultName is no name of a vault", "A vault's name has 3 to 24 letters, digits and single hyphens.");
  }
  const url = URL.parse(vaultUrl ?? `https://${vaultName}.${vaultDnsSuffix}`);
  const isBare =
    url !== null && url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  if (!isBare || url.protocol !== "https:") {
    throw refuse(
      "this is no address of a vault",
      "It reads https://ml-prod.vault.azure.net, without path, query and credentials.",
    );
  }
  return url.origin;
}

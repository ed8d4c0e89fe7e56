import { readFile } from "node:fs/promises";
import { createSecrets, type Provider, type Secrets, type SecretsEvent } from "@keyhold/core";
import { local } from "@keyhold/local";
import { appRoleAuth, kubernetesAuth, vault } from "@keyhold/vault";
import type { Deployment } from "./settings.ts";

/**
 * A changed key is seen within `ttlMs`, so whoever issues keys has to take the one before for longer than that. A database login that
 * was replaced is revoked `overlapMs` later; connections move within seconds. Both are short, so that much happens in a minute.
 */
const pace = { cache: { ttlMs: 5_000 }, overlapMs: 8_000 };

/** The secrets of a deployment: on a laptop those of an encrypted file, elsewhere OpenBao's. */
export function openSecrets(deployment: Deployment, onEvent?: (event: SecretsEvent) => void): Secrets {
  if (deployment === "development") return createSecrets({ providers: { local: local() }, onEvent, ...pace });
  return createSecrets({ providers: { vault: openBao() }, onEvent, ...pace });
}

/** OpenBao at VAULT_ADDR. A pod signs in as its service account, anything else as the AppRole that it was given. */
export function openBao(): Provider {
  const { BAO_ROLE_ID: roleId, BAO_SECRET_ID_FILE: file = "/run/secrets/openbao/secret-id" } = process.env;
  if (roleId === undefined) return vault({ auth: kubernetesAuth({ role: "ml-service" }) });
  return vault({ auth: appRoleAuth({ roleId, secretId: () => readFile(file, "utf8") }) });
}

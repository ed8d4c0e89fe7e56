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

/** The secrets of a deployment: on a laptop a file, elsewhere OpenBao, to which a pod signs in as its service account. */
export function openSecrets(deployment: Deployment, onEvent?: (event: SecretsEvent) => void): Secrets<"local" | "vault"> {
  const providers = { [deployment === "development" ? "local" : "vault"]: deployment === "development" ? local() : openBao() };
  return createSecrets({ providers: providers as Record<"local" | "vault", Provider>, onEvent, ...pace });
}

function openBao(): Provider {
  const { BAO_ROLE_ID, BAO_SECRET_ID_FILE = "/run/secrets/openbao/secret-id" } = process.env;
  if (BAO_ROLE_ID === undefined) return vault({ auth: kubernetesAuth({ role: "ml-service" }) });
  return vault({ auth: appRoleAuth({ roleId: BAO_ROLE_ID, secretId: () => readFile(BAO_SECRET_ID_FILE, "utf8") }) });
}

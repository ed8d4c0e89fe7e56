import { azure } from "@keyhold/azure/lean";
import { createSecrets, type Secrets } from "@keyhold/core";

// In the cloud azure({ vaultName: "ml-prod" }) is enough: the app's managed identity signs in.
const vaultUrl = process.env.VAULT_URL;
const vault = vaultUrl ? { vaultUrl, disableChallengeResourceVerification: true } : { vaultName: "ml-prod" };

// A worker lives for hours. While the vault does not answer, what is held goes on serving.
const cache = { ttlMs: Number(process.env.TTL_MS ?? 120_000) };

export const secrets: Secrets<"azure"> = createSecrets({ providers: { azure: azure(vault) }, cache });

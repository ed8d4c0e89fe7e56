import { SecretsError } from "@keyhold/core";

export const closedError = (): SecretsError => new SecretsError("closed", "this provider is closed", { provider: "gcp" });

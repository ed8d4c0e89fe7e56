import { SecretsError } from "@keyhold/core";

/** What Google would not send. */
export function notGoogles(): SecretsError {
  return new SecretsError("decode", "Google Secret Manager: this is no answer of Google's", {
    provider: "gcp",
    hint: "Something between here and Google answered in its place: check apiEndpoint and the proxy.",
  });
}

import { SecretsError } from "@keyhold/core";

/** The project that the environment names, as Google's own runtimes and libraries do. */
export function projectInEnvironment(): string | undefined {
  return process.env.GOOGLE_CLOUD_PROJECT || process.env.GCLOUD_PROJECT || undefined;
}

export function noProject(): SecretsError {
  return new SecretsError("invalid-argument", "no project is named", {
    provider: "gcp",
    hint: "Give projectId to gcp(), set GOOGLE_CLOUD_PROJECT, or write the whole name: projects/P/secrets/S.",
  });
}

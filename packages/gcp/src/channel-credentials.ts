import { SecretsError } from "@keyhold/core";

type Gax = typeof import("google-gax");

/** The copy of google-gax that the SDK itself uses: what another copy makes, it would not take. */
function loadGax(): Gax {
  const { createRequire } = process.getBuiltinModule("node:module");
  try {
    return createRequire(createRequire(import.meta.url).resolve("@google-cloud/secret-manager"))("google-gax");
  } catch {
    throw new SecretsError("unsupported", "tls.ca over gRPC needs google-gax as an installed package, not in a bundle", {
      hint: "Set fallback: true, or the environment variable NODE_EXTRA_CA_CERTS instead of tls.ca.",
    });
  }
}

/** gRPC credentials that trust `ca` alone and sign each call. */
export function channelCredentials(
  ca: string | readonly string[],
  sign: () => Promise<Readonly<Record<string, string>>>,
): object {
  const { credentials } = loadGax().grpc;
  return credentials.combineChannelCredentials(
    credentials.createSsl(Buffer.from([ca].flat().join("\n"))),
    credentials.createFromGoogleCredential({ getRequestHeaders: async () => ({ ...(await sign()) }) }),
  );
}

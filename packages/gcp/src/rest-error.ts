import type { Clock, SecretsError } from "@keyhold/core";
import { type HttpResponse, retryAfterMs } from "@keyhold/http";
import { gcpError } from "./gcp-error.ts";

/** What an answer over REST with a status of failure means. Its body is read for its code, and left behind. */
export function restError(response: HttpResponse, clock: Clock): SecretsError {
  const { status } = response;
  let code: unknown;
  try {
    code = (response.json() as { readonly error?: { readonly status?: unknown } } | null)?.error?.status;
  } catch {
    // A proxy's page: the status says enough.
  }
  return gcpError({
    code: typeof code === "string" ? code : undefined,
    status,
    retryAfterMs: retryAfterMs(response.header("retry-after"), clock),
  });
}

import { type CallContext, SecretsError } from "@keyhold/core";
import type { HttpResponse } from "@keyhold/http";
import { ask, signInError } from "./ask.ts";
import type { Environment } from "./environment.ts";
import { within } from "./identity-context.ts";

const what = "Google's metadata server";
const answerMs = 5_000;

/**
 * Asks the metadata server about the service account of this machine, function, service or pod.
 *
 * @throws SecretsError `unauthenticated` when it has none, `timeout` or `unavailable` when nothing answers.
 * @see https://cloud.google.com/compute/docs/metadata/querying-metadata
 */
export async function googleMetadata(
  { path, query }: { readonly path: "token" | "identity"; readonly query: Readonly<Record<string, string>> },
  environment: Environment,
  context: CallContext,
): Promise<HttpResponse> {
  if (environment.METADATA_SERVER_DETECTION?.trim().toLowerCase() === "none") {
    throw new SecretsError("unauthenticated", "there are no Google credentials here", {
      hint: "Set GOOGLE_APPLICATION_CREDENTIALS: METADATA_SERVER_DETECTION rules the metadata server out.",
    });
  }
  const host = environment.GCE_METADATA_IP || environment.GCE_METADATA_HOST || "169.254.169.254";
  const response = await ask(
    {
      what,
      url: `http://${host}/computeMetadata/v1/instance/service-accounts/default/${path}`,
      query,
      headers: { "metadata-flavor": "Google" },
    },
    within(context, answerMs),
  );
  // Whatever else answers there does not send it.
  if (response.header("metadata-flavor") !== "Google") {
    throw new SecretsError("unavailable", "what answers at the address of Google's metadata server is something else", {
      retryable: false,
      hint: "Outside of Google Cloud set GOOGLE_APPLICATION_CREDENTIALS; otherwise check GCE_METADATA_HOST.",
    });
  }
  if (response.status === 200) return response;
  throw signInError(response, what, context, "Attach a service account to this machine or service.");
}

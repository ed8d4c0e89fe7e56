import { type CallContext, throwIfEnded } from "@keyhold/core";
import { type HttpResponse, httpClient } from "@keyhold/http";
import { googleTokens, heldCredential } from "@keyhold/identity";
import { closedError } from "./closed-error.ts";
import type { LeanGcpOptions } from "./lean-gcp-options.ts";
import { longestAnswerBytes } from "./longest-answer.ts";
import { noProject, projectInEnvironment } from "./project.ts";
import { restError } from "./rest-error.ts";
import { fromRestAnswer, toRestRequest } from "./rest-messages.ts";
import { restSigner } from "./rest-signer.ts";
import { serviceAddress } from "./service-address.ts";
import type { Method, Transport } from "./transport.ts";
import { workloadProject } from "./workload-project.ts";

/** Secret Manager's REST interface, without Google's SDK. */
export function leanTransport(options: LeanGcpOptions): Transport {
  const { tls } = options;
  const { host = "secretmanager.googleapis.com", port = 443 } = serviceAddress(options.apiEndpoint, options.location);
  const http = httpClient({
    baseUrl: `https://${host}:${port}`,
    responseLimitBytes: longestAnswerBytes,
    ...(tls === undefined ? {} : { tls }),
  });
  const own = options.credentials === undefined ? googleTokens() : undefined;
  const signer = restSigner(options.credentials ?? (own as NonNullable<typeof own>));
  const project = heldCredential(async (context) => ({ value: await workloadProject(context) }));
  let closed = false;

  return {
    async call<Output>(method: Method, message: Readonly<Record<string, unknown>>, context: CallContext): Promise<Output> {
      if (closed) throw closedError();
      throwIfEnded(context);
      const request = toRestRequest(method, message);
      const send = async (): Promise<readonly [HttpResponse, Readonly<Record<string, string>>]> => {
        const headers = await signer.sign(context);
        return [await http.request({ ...request, headers }, context), headers];
      };
      let [response, headers] = await send();
      if (response.status === 401 && signer.reject(headers)) [response, headers] = await send();
      if (response.status < 200 || response.status > 299) throw restError(response, context.clock);
      return fromRestAnswer(response.json()) as Output;
    },

    async projectId(context) {
      const named = projectInEnvironment();
      if (named !== undefined) return named;
      if (own === undefined) throw noProject();
      return project.get(context);
    },

    close() {
      closed = true;
      own?.close();
      project.close();
      http.close();
    },
  };
}

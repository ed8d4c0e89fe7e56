import { type CallContext, throwIfEnded } from "@keyhold/core";
import { type HttpRequest, type HttpResponse, httpClient, type TlsOptions } from "@keyhold/http";
import { accessTokens } from "./access-tokens.ts";
import type { ConjurAuth } from "./auth.ts";
import { conjurError, type Operation } from "./conjur-error.ts";

export interface TransportOptions {
  readonly url: string;
  readonly account: string;
  readonly auth: ConjurAuth;
  readonly tls?: TlsOptions;
}

/**
 * Sends what the provider asks, signed in, and gives the answer if it is a success, or throws a `SecretsError`. A request that brings
 * an `authorization` of its own goes without the access token.
 * https://github.com/cyberark/conjur-openapi-spec
 */
export interface Transport {
  readonly account: string;
  send(operation: Operation, request: HttpRequest, context: CallContext): Promise<HttpResponse>;
  /** When the certificate of Conjur's server expires, milliseconds since 1970; undefined before the first call. */
  certificateExpiresAt(): number | undefined;
  close(): void;
}

/** A batch of values, and a page of variables with their permissions, is larger than one secret. */
const responseLimitBytes = 8 * 1024 * 1024;

const isSuccess = ({ status }: HttpResponse) => status >= 200 && status < 300;

export function httpTransport({ url, account, auth, tls }: TransportOptions): Transport {
  const http = httpClient({ baseUrl: url, responseLimitBytes, ...(tls === undefined ? {} : { tls }) });

  const tokens = accessTokens(async (context) => {
    const request = await auth.signIn(account, context);
    const response = await http.request({ ...request, repeatable: true }, context);
    if (!isSuccess(response)) throw conjurError("sign-in", response, context);
    return response;
  });

  async function signedIn(request: HttpRequest, context: CallContext): Promise<HttpResponse> {
    const attempt = (authorization: string) =>
      http.request({ ...request, headers: { ...request.headers, authorization } }, context);
    const header = await tokens.header(context);
    const response = await attempt(header);
    if (response.status !== 401) return response;
    // Conjur's keys were rotated, or a clock is off: nothing was done yet, so it may be sent again.
    tokens.drop(header);
    return attempt(await tokens.header(context));
  }

  return {
    account,
    async send(operation, request, context) {
      throwIfEnded(context);
      const response = await (request.headers?.authorization === undefined
        ? signedIn(request, context)
        : http.request(request, context));
      if (!isSuccess(response)) throw conjurError(operation, response, context);
      return response;
    },
    certificateExpiresAt: () => http.certificateExpiresAt(),
    close: () => http.close(),
  };
}

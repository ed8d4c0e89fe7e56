import type { CallContext } from "@keyhold/core";
import type { HttpClient, HttpResponse } from "@keyhold/http";
import { isBundle, pathIn, vaultError } from "./vault-answer.ts";

/** What one call of the SDK is about, known to every request that it makes. */
export interface SdkCall {
  readonly context: CallContext;
  /** The status of the last answer. */
  status?: number;
  /** Something was changed: what the SDK then reads to see whether it is done cannot undo it. */
  hasChanged?: boolean;
  /** Where the page that was listed says the next one is. */
  nextLink?: string;
}

/** Of `HttpHeaders` in `@azure/core-rest-pipeline`, what is used here. */
interface SdkHeaders {
  /** By their names in lower case. */
  toJSON(): Record<string, string>;
}

interface SdkRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: SdkHeaders;
  readonly body?: unknown;
}

export interface SdkHttpClientOptions {
  readonly http: HttpClient;
  /** The origin of the vault. */
  readonly origin: string;
  readonly currentCall: () => SdkCall;
  /** Tells which token a 401 refused. */
  readonly onRefused: (token: string) => void;
  readonly onAnswer: (response: HttpResponse) => void;
}

/** Of an answer's headers, those that the SDK asks for. */
function sdkHeaders(response: HttpResponse) {
  const names = ["content-type", "www-authenticate"];
  const toJSON = () => Object.fromEntries(names.map((name) => [name, response.header(name)]));
  return { get: (name: string) => response.header(name), has: (name: string) => response.header(name) !== undefined, toJSON };
}

/**
 * The SDK's requests over Keyhold's own HTTPS client. The SDK's own has no limit for an answer's size, gives pages after the first
 * neither signal nor deadline, and its errors carry the request. Answers are judged here, so that nothing of them reaches an error
 * of the SDK's; only a 401 goes up, as the SDK reads its challenge.
 */
export function sdkHttpClient({ http, origin, currentCall, onRefused, onAnswer }: SdkHttpClientOptions) {
  return {
    async sendRequest(request: SdkRequest) {
      const call = currentCall();
      // The client below asks for the encodings that it can decode.
      const { "accept-encoding": _encodings, ...headers } = request.headers.toJSON();
      const response = await http.request(
        {
          method: request.method,
          path: pathIn(origin, request.url),
          headers,
          ...(typeof request.body === "string" ? { body: request.body } : {}),
        },
        call.context,
      );
      const { status } = response;
      call.status = status;
      onAnswer(response);
      const answer = { request, status, headers: sdkHeaders(response) };
      if (status === 401) {
        const token = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
        if (token !== undefined) onRefused(token);
        return { ...answer, bodyAsText: "{}" };
      }
      if (status < 200 || status > 299) throw vaultError(response, call.context);
      if (status === 204) return answer;
      const body = response.json() as { readonly nextLink?: unknown } | null;
      if (request.method !== "GET") call.hasChanged = isBundle(body);
      call.nextLink = typeof body?.nextLink === "string" ? body.nextLink : undefined;
      return { ...answer, bodyAsText: response.text() };
    },
  };
}

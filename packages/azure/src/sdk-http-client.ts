import { type CallContext, SecretsError } from "@keyhold/core";
import { type HttpClient, type HttpResponse, retryAfterMs } from "@keyhold/http";
import { azureError } from "./azure-error.ts";

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

const elsewhere = () =>
  new SecretsError("decode", "Azure Key Vault: the answer names a page on another host", {
    provider: "azure",
    hint: "Something between here and the vault answered in its place: check vaultUrl and the proxy.",
  });

/** Path and query of a link, which must lead to the vault itself. */
export function pathIn(origin: string, link: string): string {
  const url = URL.parse(link);
  if (url?.origin !== origin) throw elsewhere();
  return url.pathname + url.search;
}

interface ErrorBody {
  readonly error?: { readonly code?: unknown; readonly innererror?: { readonly code?: unknown } };
}

function vaultError(response: HttpResponse, { clock }: CallContext): SecretsError {
  let body: ErrorBody | null = null;
  try {
    body = response.json() as ErrorBody | null;
  } catch {
    // A gateway's page: the status says enough.
  }
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return azureError({
    status: response.status,
    code: text(body?.error?.code),
    innerCode: text(body?.error?.innererror?.code),
    retryAfterMs: retryAfterMs(response.header("retry-after"), clock),
  });
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
      if (request.method !== "GET") call.hasChanged = true;
      if (status === 204) return answer;
      const body = response.json() as { readonly nextLink?: unknown } | null;
      call.nextLink = typeof body?.nextLink === "string" ? body.nextLink : undefined;
      return { ...answer, bodyAsText: response.text() };
    },
  };
}

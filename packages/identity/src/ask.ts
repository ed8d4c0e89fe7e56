import { type CallContext, SecretsError } from "@keyhold/core";
import { type HttpRequest, type HttpResponse, httpClient, retryAfterMs, type TlsOptions } from "@keyhold/http";
import { isMetadataHost } from "./metadata-host.ts";

export interface Question extends Omit<HttpRequest, "path"> {
  /** Who is asked, for errors: "AWS's token service". */
  readonly what: string;
  readonly url: string;
  readonly tls?: TlsOptions | undefined;
  /** A body of fields, instead of `body`. Undefined leaves a field out. */
  readonly form?: Readonly<Record<string, string | undefined>>;
}

/** @throws SecretsError `invalid-argument`, which repeats nothing of the address. */
export function parseAddress(url: string, what: string): URL {
  const address = URL.parse(url);
  const problem = (text: string, hint: string) =>
    new SecretsError("invalid-argument", `the address of ${what} ${text}`, { hint });
  if (address === null || !["http:", "https:"].includes(address.protocol)) {
    throw problem("is not a URL", "Write it like https://sts.eu-west-1.amazonaws.com.");
  }
  if (address.username !== "" || address.password !== "") throw problem("has a user in it", "Leave the user out.");
  if (address.protocol === "http:" && !isMetadataHost(address.hostname)) {
    throw problem("is plain http to another machine", "Use https, or an address of this machine or of its metadata service.");
  }
  return address;
}

/** Until the secret is there that the credential is for: to close the first socket of a process costs it as much as to open one. */
const closesAfterMs = 1_000;

/**
 * Sends one request, over a connection of its own, and follows no redirect: signing in is rare, and so nothing stays open for longer
 * than a second, nor keeps the process running.
 *
 * @throws SecretsError as `@keyhold/http` does.
 */
export async function ask({ what, url, tls, form, ...request }: Question, context: CallContext): Promise<HttpResponse> {
  const address = parseAddress(url, what);
  const client = httpClient({ baseUrl: address.origin, allowPlainHttp: true, ...(tls === undefined ? {} : { tls }) });
  const fields = Object.entries(form ?? {}).filter((field): field is [string, string] => field[1] !== undefined);
  const body = { headers: { ...request.headers, "content-type": "application/x-www-form-urlencoded" }, body: formText(fields) };
  try {
    const path = address.pathname + address.search;
    const response = await client.request({ ...request, ...(form === undefined ? {} : body), path }, context);
    setTimeout(() => client.close(), closesAfterMs).unref();
    return response;
  } catch (error) {
    client.close();
    throw error;
  }
}

const formText = (fields: [string, string][]): string => new URLSearchParams(fields).toString();

/** What a service that gives out credentials means by a status. Nothing of its answer goes into the error. */
export function signInError(response: HttpResponse, what: string, context: CallContext, hint: string): SecretsError {
  const { status } = response;
  const code = status === 429 ? "rate-limited" : status >= 500 ? "unavailable" : status === 408 ? "timeout" : "unauthenticated";
  const waitMs = retryAfterMs(response.header("retry-after"), context.clock);
  return new SecretsError(code, `${what} gave no credential: status ${status}`, {
    hint,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
  });
}

/** The object that an answer is. @throws SecretsError `decode`. */
export function objectOf(response: HttpResponse, what: string): Readonly<Record<string, unknown>> {
  const value = response.json();
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw unexpectedAnswer(what);
}

export function unexpectedAnswer(what: string): SecretsError {
  return new SecretsError("decode", `the answer of ${what} holds no credential`, {
    hint: "Something else may answer at that address.",
  });
}

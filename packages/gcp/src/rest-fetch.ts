import { systemClock } from "@keyhold/core";
import type { HttpClient } from "@keyhold/http";
import { restError } from "./rest-error.ts";
import { objectOf } from "./rest-messages.ts";

/** What the SDK's REST transport asks of an auth client's `fetch`. */
interface FetchOptions {
  readonly method?: string;
  readonly headers: Headers;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
}

/** What it uses of the answer. */
interface FetchedAnswer {
  readonly ok: true;
  readonly status: number;
  arrayBuffer(): Promise<Uint8Array>;
}

/**
 * The `fetch` for the SDK's REST transport, in place of its own, which follows redirects, takes no authority, has no limit to an
 * answer, drops Retry-After and keeps its sockets after `close`.
 *
 * @throws SecretsError for everything but an answer of JSON with a status of 2xx. The SDK hands it on as the cause of its error.
 */
export function restFetch(http: HttpClient, sign: () => Promise<Readonly<Record<string, string>>>) {
  return async (url: string, { method, headers, body, signal }: FetchOptions): Promise<FetchedAnswer> => {
    const { pathname, search } = new URL(url);
    const response = await http.request(
      {
        ...(method === undefined ? {} : { method }),
        path: pathname + search,
        headers: { ...Object.fromEntries(headers), ...(await sign()) },
        ...(body === undefined ? {} : { body }),
      },
      // The signal stands for the deadline too.
      { signal, deadlineAt: Number.POSITIVE_INFINITY, clock: systemClock },
    );
    if (response.status < 200 || response.status > 299) throw restError(response, systemClock);
    // Whatever is no JSON fails here: the SDK would take it for an outage, and never come back from an array.
    objectOf(response.json());
    return { ok: true, status: response.status, arrayBuffer: async () => response.bytes() };
  };
}

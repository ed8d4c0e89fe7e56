import type { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { type CallContext, SecretsError } from "@keyhold/core";
import { type CallLimit, callLimit } from "./call-limit.ts";
import { type Connections, connectionsTo } from "./connections.ts";
import { exchange } from "./exchange.ts";
import { type HttpRequest, prepareRequest } from "./http-request.ts";
import { type HttpResponse, httpResponse } from "./http-response.ts";
import { type HttpStream, httpStream } from "./http-stream.ts";
import { parseOrigin } from "./origin.ts";
import { checkedProxy, proxyFromEnvironment } from "./proxy-environment.ts";
import { acceptedEncodings, readBody } from "./read-body.ts";
import type { TlsOptions } from "./tls-options.ts";
import { transportError } from "./transport-error.ts";

export interface HttpClientOptions {
  /** The one origin that this client speaks to, and a path prefix: `https://vault.internal:8200`. */
  readonly baseUrl: string;
  readonly tls?: TlsOptions;
  /** Connects to this Unix socket; the base URL gives the Host header. */
  readonly socketPath?: string;
  /** Default: `"environment"`, which is HTTPS_PROXY and NO_PROXY. Loopback, plain http and Unix sockets never use one. */
  readonly proxy?: "environment" | URL | false;
  /** Plain http to another machine, which shows the credential to everybody on the way. Default: false. */
  readonly allowPlainHttp?: boolean;
  /** How large an answer may be, before and after decompression; in a stream, a line. Default: 4 MiB. */
  readonly responseLimitBytes?: number;
}

export interface StreamOptions {
  /** How long the head of the answer may take, in milliseconds. Default: 10,000. */
  readonly answerTimeoutMs?: number;
  /** How long the server may be silent between two pieces, in milliseconds. Default: 120,000. */
  readonly idleTimeoutMs?: number;
}

/**
 * A client for one origin. What fails is a `SecretsError`, and none holds a header, a query or a body:
 *
 * - `timeout` past the deadline, `aborted` by the signal, `closed` after `close`; the socket ends in each case
 * - `unavailable` when there is no whole answer: refused, reset, cut, unknown host, broken HTTP, a proxy's refusal, a redirect, and
 *   certificate and TLS problems (these last three kinds not retryable)
 * - `unauthenticated` when the server does not accept the client certificate
 * - `decode` for an answer over the limit or one that does not decompress
 * - `invalid-argument` for a request that cannot be sent
 *
 * Any status but a redirect is an answer; `httpError` makes an error of it.
 */
export interface HttpClient {
  /** Sends a request and reads the whole answer by the deadline of the call. */
  request(request: HttpRequest, context: CallContext): Promise<HttpResponse>;
  /** Sends a request and gives the answer once its head is there. The signal ends it at any time; the deadline does not apply. */
  stream(request: HttpRequest, context: CallContext, options?: StreamOptions): Promise<HttpStream>;
  /** When the certificate that the server showed last expires, in milliseconds since 1970; undefined before that or without TLS. */
  certificateExpiresAt(): number | undefined;
  /** Ends everything under way with `closed`, and all connections. Idempotent. */
  close(): void;
}

const defaultLimitBytes = 4 * 1024 * 1024;

/** The certificate as it came: reading what is in it takes a while, and few ask. */
const certificateOf = (response: IncomingMessage): X509Certificate | undefined =>
  (response.socket as Partial<TLSSocket>).getPeerX509Certificate?.();

function expiryOf(certificate: X509Certificate | undefined): number | undefined {
  const at = Date.parse(certificate?.validTo ?? "");
  return Number.isNaN(at) ? undefined : at;
}

/**
 * Makes a client. Nothing is opened, and no module is loaded, before the first request.
 *
 * TLS is 1.2 or newer and always verified, whatever NODE_TLS_REJECT_UNAUTHORIZED says. A redirect is never followed.
 *
 * @throws SecretsError `invalid-argument` for a base URL that is none, brings credentials, or is plain http to another machine.
 * @example
 * const client = httpClient({ baseUrl: "https://conjur.internal" });
 * const response = await client.request({ path: "/whoami", headers: { authorization } }, context);
 * if (response.status !== 200) throw httpError(response, { provider: "conjur", clock: context.clock });
 */
export function httpClient(options: HttpClientOptions): HttpClient {
  const { socketPath, tls = {}, proxy = "environment", responseLimitBytes: limitBytes = defaultLimitBytes } = options;
  const origin = parseOrigin(options.baseUrl, options.allowPlainHttp === true || socketPath !== undefined);
  const peer = socketPath === undefined ? origin.host : "the Unix socket";
  const running = new Set<CallLimit>();
  let connections: Connections | undefined;
  let certificate: X509Certificate | undefined;
  let closed = false;

  const chosenProxy = (): URL | undefined => {
    if (proxy === false || socketPath !== undefined || !origin.secure) return undefined;
    return proxy === "environment" ? proxyFromEnvironment(origin, process.env) : checkedProxy(proxy.href);
  };

  const start = (context: CallContext, deadlineAt: number): CallLimit => {
    if (closed) throw new SecretsError("closed", `the client for ${peer} is closed`);
    const limit = callLimit(context, deadlineAt, peer);
    running.add(limit);
    return limit;
  };
  const finish = (limit: CallLimit): void => {
    running.delete(limit);
    limit.dispose();
  };
  const failure = (limit: CallLimit, error: unknown): SecretsError =>
    limit.signal.aborted ? (limit.signal.reason as SecretsError) : transportError(error, peer);

  async function answer(request: HttpRequest, accept: string, { signal }: CallLimit): Promise<IncomingMessage> {
    const prepared = prepareRequest({ ...request, headers: { "accept-encoding": accept, ...request.headers } }, origin);
    connections ??= connectionsTo(origin, { tls, socketPath, proxy: chosenProxy() });
    const { response, isNewConnection } = await exchange(connections, prepared, { signal, peer });
    if (isNewConnection) certificate = certificateOf(response) ?? certificate;
    return response;
  }

  async function whole(response: IncomingMessage, { method, headers }: HttpRequest): Promise<HttpResponse> {
    const keepUnknown = Object.keys(headers ?? {}).some((name) => name.toLowerCase() === "accept-encoding");
    const body = await readBody(response, { limitBytes, peer, keepUnknown, isHead: method === "HEAD" });
    return httpResponse(response.statusCode ?? 0, response.headers, body, peer);
  }

  return Object.freeze({
    async request(request: HttpRequest, context: CallContext) {
      const limit = start(context, context.deadlineAt);
      try {
        return await whole(await answer(request, acceptedEncodings, limit), request);
      } catch (error) {
        throw failure(limit, error);
      } finally {
        finish(limit);
      }
    },
    async stream(request: HttpRequest, context: CallContext, streamOptions: StreamOptions = {}) {
      const { answerTimeoutMs = 10_000, idleTimeoutMs = 120_000 } = streamOptions;
      const { clock } = context;
      const limit = start(context, clock.monotonic() + answerTimeoutMs);
      try {
        const response = await answer(request, "identity", limit);
        limit.endAt(Number.POSITIVE_INFINITY);
        const close = () => {
          response.destroy();
          finish(limit);
        };
        const waiting = (isWaiting: boolean) =>
          limit.endAt(isWaiting ? clock.monotonic() + idleTimeoutMs : Number.POSITIVE_INFINITY);
        const read = async () => {
          waiting(true);
          try {
            return await whole(response, request);
          } catch (error) {
            throw failure(limit, error);
          } finally {
            close();
          }
        };
        return httpStream({ response, peer, limitBytes, waiting, failure: (error) => failure(limit, error), read, close });
      } catch (error) {
        finish(limit);
        throw failure(limit, error);
      }
    },
    certificateExpiresAt: () => expiryOf(certificate),
    close() {
      closed = true;
      for (const limit of running) limit.end(new SecretsError("closed", `the client for ${peer} was closed`));
      connections?.close();
    },
  });
}

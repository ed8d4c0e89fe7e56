import { type CallContext, SecretsError, throwIfEnded } from "@keyhold/core";
import { type HttpClient, type HttpRequest, type HttpResponse, type HttpStream, retryAfterMs } from "@keyhold/http";
import { type Clients, createClients } from "./clients.ts";
import { type Cluster, findCluster } from "./cluster.ts";
import { readPem } from "./credentials.ts";
import type { KubernetesOptions } from "./kubernetes.ts";
import { kubernetesError } from "./kubernetes-error.ts";
import type { ApiAnswer, ApiRequest, ApiStatus, Transport, Verb, WatchEvent } from "./transport.ts";
import { untilEnded } from "./until-ended.ts";

const methods: Readonly<Record<Verb, string>> = { get: "GET", list: "GET", create: "POST", patch: "PATCH", delete: "DELETE" };

/** Longer than the minute between two bookmarks: a server that is silent for this long is gone. */
const watchIdleMs = 150_000;

const accepted = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1`;

function httpRequest({ verb, path, query, body, metadataOnly, repeatable }: ApiRequest): HttpRequest {
  const accept = metadataOnly ? accepted(`PartialObjectMetadata${verb === "list" ? "List" : ""}`) : "application/json";
  const patchType = Array.isArray(body) ? "application/json-patch+json" : "application/merge-patch+json";
  return {
    method: methods[verb],
    path,
    ...(query ? { query } : {}),
    headers: { accept, "content-type": verb === "patch" ? patchType : undefined },
    ...(body === undefined ? {} : { json: body }),
    ...(repeatable === undefined ? {} : { repeatable }),
  };
}

/** The error that an answer stands for. Its body is looked at for Kubernetes' own words, if it has any. */
function errorOf(response: HttpResponse, context: CallContext): SecretsError {
  let answer: ApiStatus = {};
  try {
    const body = response.json();
    if (typeof body === "object" && body !== null && (body as { kind?: unknown }).kind === "Status") answer = body;
  } catch {
    // A gateway's own page: the status has to do.
  }
  const waitMs = retryAfterMs(response.header("retry-after"), context.clock);
  return kubernetesError({ status: response.status, answer, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) });
}

function objectOf<Body>(response: HttpResponse): Body {
  const body = response.json();
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body as Body;
  throw new SecretsError("decode", "Kubernetes: the answer is no object", { provider: "kubernetes" });
}

async function* eventsOf(stream: HttpStream, release: () => void): AsyncGenerator<WatchEvent, void, undefined> {
  try {
    for await (const line of stream.lines()) {
      let event: WatchEvent | undefined;
      try {
        event = JSON.parse(line);
      } catch {
        // Falls through: the parser's message repeats the line.
      }
      if (typeof event?.type !== "string" || typeof event.object !== "object" || event.object === null)
        throw new SecretsError("decode", "Kubernetes: the watch gave no event", { provider: "kubernetes" });
      yield event;
    }
  } finally {
    stream.close();
    release();
  }
}

async function* goneEvents(): AsyncGenerator<WatchEvent, void, undefined> {
  yield { type: "ERROR", object: { code: 410, reason: "Gone" } };
}

/** Kubernetes' API over HTTPS. The configuration is looked for at the first call, and again after a failure or a refusal. */
export function restTransport(options: KubernetesOptions): Transport {
  const clients: Clients = createClients();
  let finding: Promise<Cluster> | undefined;
  let closed = false;

  const refuseIfClosed = () => {
    if (closed) throw new SecretsError("closed", "this provider is closed", { provider: "kubernetes" });
  };

  const forget = (found: Promise<Cluster>) => {
    if (finding !== found) return;
    finding = undefined;
    void found.then(({ credentials }) => credentials.close?.()).catch(() => {});
  };

  async function cluster(context: Pick<CallContext, "signal">): Promise<Cluster> {
    refuseIfClosed();
    finding ??= findCluster(options);
    const found = finding;
    try {
      return await untilEnded(found, context);
    } catch (error) {
      void found.catch(() => forget(found));
      throw error;
    }
  }

  /**
   * Sends with a credential; once more where it is refused and a plugin can give another. A refused one of a kubeconfig's own is read
   * anew at the next call: somebody may have signed in meanwhile.
   */
  async function signedIn<Sent extends { readonly status: number }>(
    context: CallContext,
    send: (client: HttpClient, headers: Readonly<Record<string, string>>) => Promise<Sent>,
  ): Promise<{ readonly sent: Sent; readonly client: HttpClient; release(): void }> {
    for (let attempt = 1; ; attempt++) {
      const { server, ca, servername, proxy, credentials } = await cluster(context);
      const found = finding;
      const credential = await credentials.current(context);
      const { token, cert, key } = credential;
      const authority = ca === undefined ? undefined : await readPem(ca, "the authority's certificate", "unavailable");
      refuseIfClosed();
      const { client, release } = clients.lend({ server, ca: authority, cert, key, servername, proxy });
      try {
        const sent = await send(client, token === undefined ? {} : { authorization: `Bearer ${token}` });
        const isRefused = sent.status === 401;
        const mayRepeat = isRefused && credentials.refused !== undefined;
        if (mayRepeat) credentials.refused?.(credential);
        else if (isRefused && found) forget(found);
        if (!mayRepeat || attempt > 1) return { sent, client, release };
        (sent as { close?: () => void }).close?.();
      } catch (error) {
        release();
        throw error;
      }
      release();
    }
  }

  return {
    async call<Body>(request: ApiRequest, context: CallContext): Promise<ApiAnswer<Body>> {
      refuseIfClosed();
      throwIfEnded(context);
      const prepared = httpRequest(request);
      const { sent, client, release } = await signedIn(context, (own, headers) =>
        own.request({ ...prepared, headers: { ...prepared.headers, ...headers } }, context),
      );
      try {
        const { status } = sent;
        if ((status < 200 || status > 299) && !request.answers?.includes(status)) throw errorOf(sent, context);
        const serverTimeAt = Date.parse(sent.header("date") ?? "");
        const certificateExpiresAt = client.certificateExpiresAt();
        return {
          status,
          body: objectOf<Body>(sent),
          ...(Number.isNaN(serverTimeAt) ? {} : { serverTimeAt }),
          ...(certificateExpiresAt === undefined ? {} : { certificateExpiresAt }),
        };
      } finally {
        release();
      }
    },

    async watch(request, context) {
      refuseIfClosed();
      const prepared = httpRequest({ ...request, verb: "get" });
      const { sent, release } = await signedIn(context, (own, headers) =>
        own.stream({ ...prepared, headers: { ...prepared.headers, ...headers } }, context, { idleTimeoutMs: watchIdleMs }),
      );
      if (sent.status === 200) return eventsOf(sent, release);
      try {
        // The same news may come as the answer or as the first event.
        if (sent.status === 410) return goneEvents();
        throw errorOf(await sent.read(), context);
      } finally {
        sent.close();
        release();
      }
    },

    async namespace(context) {
      throwIfEnded(context);
      return options.namespace ?? (await cluster(context)).namespace;
    },

    close() {
      closed = true;
      clients.close();
      if (finding) forget(finding);
    },
  };
}

import { type CallContext, remainingMs, SecretsError, throwIfEnded } from "@keyhold/core";
import { type HttpClient, httpClient } from "@keyhold/http";
import { authClient } from "./auth-client.ts";
import { channelCredentials } from "./channel-credentials.ts";
import { closedError } from "./closed-error.ts";
import type { GcpOptions } from "./gcp-options.ts";
import { signingHeaders } from "./google-credentials.ts";
import { longestAnswerBytes } from "./longest-answer.ts";
import { noProject, projectInEnvironment } from "./project.ts";
import { restFetch } from "./rest-fetch.ts";
import { sdkError } from "./sdk-error.ts";
import { serviceAddress } from "./service-address.ts";
import type { Method, Transport } from "./transport.ts";
import { untilEnded } from "./until-ended.ts";

type Sdk = typeof import("@google-cloud/secret-manager");
type Client = InstanceType<Sdk["SecretManagerServiceClient"]>;
type ClientOptions = ConstructorParameters<Sdk["SecretManagerServiceClient"]>[0];

const sdkPackage = "@google-cloud/secret-manager";

async function loadSdk(): Promise<Sdk> {
  try {
    return await import("@google-cloud/secret-manager");
  } catch {
    throw new SecretsError("unsupported", `the package ${sdkPackage} is not installed`, {
      hint: `npm install ${sdkPackage}, or import from @keyhold/gcp/lean, which needs no package.`,
    });
  }
}

/** Longer than any call, and short enough for a timer. */
const longestTimeoutMs = 2 ** 31 - 1;

interface Connection {
  readonly client: Client;
  readonly http: HttpClient | undefined;
}

/** Whom a token is for is always the service itself, whatever the endpoint. */
const signed = (client: Client) => signingHeaders(client.auth, `https://${client.apiEndpoint}/`);

/** What all the SDK's calls have in common. The third of the answers is the message as it came, for a list the page. */
type Send = (request: object, options: object) => Running;
type Running = Promise<[unknown, unknown, unknown]> & { cancel(): void };

/** The header by which Google finds the resource's region, as the SDK's own methods set it. */
function routing(request: Readonly<Record<string, unknown>>): string {
  const { name, parent, secret } = request as { name?: string; parent?: string; secret?: { name: string } };
  const [field, resource] = name ? ["name", name] : parent ? ["parent", parent] : ["secret.name", secret?.name ?? ""];
  return `${field}=${encodeURIComponent(resource)}`;
}

/** Google's own SDK over gRPC or REST, loaded at the first call, its retries off: the client above owns them. */
export function sdkTransport(options: GcpOptions): Transport {
  const { credentials, projectId, fallback = false, tls } = options;
  const { host, port } = serviceAddress(options.apiEndpoint, options.location);
  let loading: Promise<Connection> | undefined;
  let closed = false;
  const underWay = new Set<Running>();

  const load = async (): Promise<Connection> => {
    const { SecretManagerServiceClient } = await loadSdk();
    const sign = () => signed(client);
    const client: Client = new SecretManagerServiceClient({
      fallback,
      ...(host === undefined ? {} : { apiEndpoint: host }),
      ...(port === undefined ? {} : { port }),
      // Without it the auth library searches for one, in gcloud and at the metadata server.
      ...(projectId === undefined ? {} : { projectId }),
      ...(credentials === undefined ? {} : { authClient: authClient(credentials) }),
      ...(fallback || tls?.ca === undefined ? {} : { sslCreds: channelCredentials(tls.ca, sign) }),
      "grpc.max_receive_message_length": longestAnswerBytes,
    } as ClientOptions);
    if (!fallback) return { client, http: undefined };
    const baseUrl = `https://${host ?? client.apiEndpoint}:${port ?? 443}`;
    const http = httpClient({ baseUrl, responseLimitBytes: longestAnswerBytes, ...(tls === undefined ? {} : { tls }) });
    Object.assign(client.auth, { fetch: restFetch(http, sign) });
    return { client, http };
  };

  const connect = async (context: CallContext): Promise<Client> => {
    if (closed) throw closedError();
    throwIfEnded(context);
    loading ??= load().catch((error) => {
      loading = undefined;
      throw error;
    });
    try {
      const { client } = await untilEnded(loading, context);
      // Signing comes first: what it fails with, the SDK would hide in an error of its own.
      await untilEnded(signed(client), context);
      await untilEnded(initialized(client), context);
      if (closed) throw closedError();
      return client;
    } catch (error) {
      throw sdkError(error);
    }
  };

  /** The SDK keeps a start that failed for good, so the next call begins with a new client. */
  const initialized = (client: Client) =>
    client.initialize().catch((error) => {
      loading = undefined;
      throw error;
    });

  return {
    async call<Output>(method: Method, request: Readonly<Record<string, unknown>>, context: CallContext): Promise<Output> {
      const client = await connect(context);
      // Not the method of that name: it logs requests and answers, values and all, wherever GOOGLE_SDK_NODE_LOGGING is set.
      const send = client.innerApiCalls[method.charAt(0).toLowerCase() + method.slice(1)] as Send;
      const running = send(request, {
        timeout: Math.min(Math.ceil(remainingMs(context)), longestTimeoutMs),
        retry: null,
        autoPaginate: false,
        otherArgs: { headers: { "x-goog-request-params": routing(request) } },
      });
      underWay.add(running);
      try {
        const [answer, , page] = await untilEnded(running, context, () => running.cancel());
        return (method.startsWith("List") ? page : answer) as Output;
      } catch (error) {
        throw closed ? closedError() : sdkError(error);
      } finally {
        underWay.delete(running);
      }
    },

    async projectId(context) {
      const named = projectInEnvironment();
      if (named !== undefined) return named;
      if (credentials !== undefined) throw noProject();
      const client = await connect(context);
      return untilEnded(
        client.auth.getProjectId().catch(() => Promise.reject(noProject())),
        context,
      );
    },

    close() {
      closed = true;
      for (const running of underWay) running.cancel();
      void loading
        ?.then(({ client, http }) => {
          http?.close();
          return client.close();
        })
        .catch(() => {});
      loading = undefined;
    },
  };
}

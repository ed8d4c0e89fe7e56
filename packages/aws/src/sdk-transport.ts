import { type CallContext, remainingMs, SecretsError, throwIfEnded } from "@keyhold/core";
import { retryAfterMs, transportError } from "@keyhold/http";
import { awsError, clockErrors } from "./aws-error.ts";
import type { AwsOptions } from "./aws-options.ts";
import type { Operation, Transport } from "./transport.ts";

type Sdk = typeof import("@aws-sdk/client-secrets-manager");
type Client = InstanceType<Sdk["SecretsManagerClient"]>;

async function loadSdk(): Promise<Sdk> {
  try {
    return await import("@aws-sdk/client-secrets-manager");
  } catch {
    throw new SecretsError("unsupported", "the package @aws-sdk/client-secrets-manager is not installed", {
      hint: "npm install @aws-sdk/client-secrets-manager, or import from @keyhold/aws/lean, which needs no package.",
    });
  }
}

/** What an error of the SDK may look like. Read by name, and let go. */
interface SdkError {
  readonly name?: string;
  readonly code?: string;
  /** Whose fault it is; on errors that AWS answered with. */
  readonly $fault?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

function sdkError(thrown: unknown, context: CallContext): SecretsError {
  const error = (typeof thrown === "object" && thrown !== null ? thrown : {}) as SdkError;
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  if (context.signal.reason instanceof SecretsError) return context.signal.reason;
  if (error.name === "AbortError" && status === undefined) return new SecretsError("aborted", "the call was aborted");
  if (error.name === "TimeoutError" && status === undefined)
    return new SecretsError("timeout", "AWS Secrets Manager did not answer in time");
  const headers = error.$response?.headers ?? {};
  const isPage = error.name === "SyntaxError" && error.$fault === undefined;
  if (isPage && (status === undefined || status < 300))
    return new SecretsError("decode", "AWS Secrets Manager: the answer is not JSON", { provider: "aws", hint: notAws });
  const name = (isPage ? headers["x-amzn-errortype"]?.split(/[,:]/, 1)[0]?.replace(/^[^#]*#/, "") : error.name) ?? "";
  // A connection that breaks in the middle of an answer has both: the status of the answer and a system's code. An error of AWS's own
  // may have a `code` too.
  if (typeof error.code === "string" && error.$fault === undefined) return transportError(thrown, "AWS Secrets Manager");
  return awsError({ name, status, retryAfterMs: retryAfterMs(headers["retry-after"], context.clock) });
}

/** A call without a deadline ends by its signal; a timer takes no more than this. */
const longestTimeoutMs = 2 ** 31 - 1;

const notAws = "Something between here and AWS answered in its place: check the endpoint and the proxy.";

/** AWS's own SDK, loaded at the first call, its retries off: the client above owns them. */
export function sdkTransport(options: AwsOptions): Transport {
  let loading: Promise<{ readonly sdk: Sdk; readonly client: Client }> | undefined;
  let closed = false;

  const load = async () => {
    const sdk = await loadSdk();
    const { region, profile, endpoint, credentials, tls } = options;
    const client = new sdk.SecretsManagerClient({
      maxAttempts: 1,
      ...(region === undefined ? {} : { region }),
      ...(profile === undefined ? {} : { profile }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
      // An own CA is added to the request handler's agent; TLS 1.2 is the least in any case.
      requestHandler: {
        httpsAgent: { keepAlive: true, minVersion: "TLSv1.2", ...(tls?.ca === undefined ? {} : { ca: tls.ca }) },
      },
    });
    return { sdk, client };
  };

  const open = (context: CallContext) => {
    if (closed) throw new SecretsError("closed", "this provider is closed", { provider: "aws" });
    throwIfEnded(context);
    loading ??= load();
    // A failed load is tried again: the package may be installed, or the region set, meanwhile.
    return loading.catch((error) => {
      loading = undefined;
      throw error;
    });
  };

  return {
    async call<Output>(operation: Operation, input: Readonly<Record<string, unknown>>, context: CallContext): Promise<Output> {
      const { sdk, client } = await open(context);
      const Command = sdk[`${operation}Command`] as unknown as new (input: unknown) => never;
      const send = async () => {
        const requestTimeout = Math.min(Math.ceil(remainingMs(context)), longestTimeoutMs);
        const limits = { abortSignal: context.signal, requestTimeout };
        return (await client.send(new Command(input), limits)) as Output;
      };
      try {
        return await send().catch((error: SdkError) => {
          // By now the SDK has learned AWS's time from the answer. Signing anew belongs to its retries, which are off.
          if (!error.$metadata?.clockSkewCorrected || !clockErrors.has(error.name ?? "")) throw error;
          return send();
        });
      } catch (error) {
        throw sdkError(error, context);
      }
    },
    async signer(context) {
      const { client } = await open(context);
      try {
        return { credentials: await client.config.credentials(), region: await client.config.region() };
      } catch (error) {
        throw sdkError(error, context);
      }
    },
    close() {
      closed = true;
      void loading?.then(({ client }) => client.destroy()).catch(() => {});
      loading = undefined;
    },
  };
}

import type { SecretClient } from "@azure/keyvault-secrets";
import { type CallContext, isSecretsError, remainingMs, SecretsError, throwIfEnded } from "@keyhold/core";
import { httpClient } from "@keyhold/http";
import { azureError } from "./azure-error.ts";
import type { AzureOptions } from "./azure-options.ts";
import { defaultCredential } from "./default-credential.ts";
import { loadPackage } from "./load-package.ts";
import { type SdkCall, sdkHttpClient } from "./sdk-http-client.ts";
import { type TokenRequestOptions, tokenSource } from "./token-source.ts";
import type { Transport, VaultPage } from "./transport.ts";
import { foreignChallenge, notKeyVaults, pathIn, pathOfCursor } from "./vault-answer.ts";
import { vaultOrigin } from "./vault-origin.ts";
import { vaultSession } from "./vault-session.ts";

/** What the SDK itself throws. Its messages quote answers, so they are only compared. */
function sdkError(thrown: unknown, { context, status }: SdkCall): SecretsError {
  if (isSecretsError(thrown)) return thrown;
  if (isSecretsError(context.signal.reason)) return context.signal.reason;
  const { message } = (thrown ?? {}) as { readonly message?: unknown };
  if (typeof message === "string" && /^The challenge (?:resource|origin|contains|authorization)/.test(message)) {
    return foreignChallenge();
  }
  if (status === 401) return azureError({ status });
  return notKeyVaults();
}

/** Azure's own SDK, loaded at the first call, its retries off: the client above owns them. */
export function sdkTransport(options: AzureOptions): Transport {
  const origin = vaultOrigin(options);
  const http = httpClient({ baseUrl: origin, ...(options.tls === undefined ? {} : { tls: options.tls }) });
  const { credential } = options;
  const tokens = tokenSource(credential === undefined ? defaultCredential(options) : async () => credential);
  let loading: Promise<{ client: SecretClient; run: <T>(call: SdkCall, work: () => Promise<T>) => Promise<T> }> | undefined;
  const session = vaultSession(http, tokens);
  let closed = false;

  const load = async () => {
    const sdk = await loadPackage(
      "@azure/keyvault-secrets",
      () => import("@azure/keyvault-secrets"),
      ", or import from @keyhold/azure/lean, which needs no package.",
    );
    // The SDK hands the options of a call to its first request only, so each request looks up which call it belongs to.
    const calls = new (process.getBuiltinModule("node:async_hooks").AsyncLocalStorage)<SdkCall>();
    const currentCall = () => calls.getStore() as SdkCall;
    const client = new sdk.SecretClient(
      origin,
      {
        // A token that seems to have ended: the SDK would hold it, and share neither its request nor its refusal.
        getToken: async (scopes: string | string[], { tenantId, claims, enableCae }: TokenRequestOptions) => ({
          token: await tokens.get(scopes, { tenantId, claims, enableCae }, currentCall().context),
          expiresOnTimestamp: 0,
        }),
      },
      {
        disableChallengeResourceVerification: options.disableChallengeResourceVerification === true,
        retryOptions: { maxRetries: 0 },
        redirectOptions: { maxRetries: 0 },
        httpClient: sdkHttpClient({
          http,
          origin,
          currentCall,
          onRefused: tokens.reject,
          onAnswer: session.note,
        }) as never,
      },
    );
    return { client, run: <T>(call: SdkCall, work: () => Promise<T>) => calls.run(call, work) };
  };

  type Limits = { readonly abortSignal: AbortSignal; readonly requestOptions: { readonly timeout: number } };

  async function send<T>(context: CallContext, work: (client: SecretClient, limits: Limits, call: SdkCall) => Promise<T>) {
    if (closed) throw new SecretsError("closed", "this provider is closed", { provider: "azure" });
    throwIfEnded(context);
    loading ??= load();
    // A failed load is tried again: the package may be installed meanwhile.
    const { client, run } = await loading.catch((error) => {
      loading = undefined;
      throw error;
    });
    const call: SdkCall = { context };
    const limits = { abortSignal: context.signal, requestOptions: { timeout: Math.ceil(remainingMs(context)) } };
    try {
      return await run(call, () => work(client, limits, call));
    } catch (error) {
      throw sdkError(error, call);
    }
  }

  /** The SDK's pollers ask afterwards whether the service is done. Once it has accepted the change, their failing is not ours. */
  const accepted = (context: CallContext, begin: (client: SecretClient, limits: Limits) => Promise<unknown>) =>
    send(context, async (client, limits, call) => {
      try {
        await begin(client, limits);
      } catch (error) {
        if (call.hasChanged !== true) throw error;
      }
    });

  const page = <T>(
    context: CallContext,
    cursor: string | undefined,
    list: (client: SecretClient, limits: Limits) => { byPage(settings: object): AsyncIterableIterator<T[]> },
  ): Promise<VaultPage<T>> =>
    send(context, async (client, limits, call) => {
      const settings = cursor === undefined ? {} : { continuationToken: origin + pathOfCursor(cursor) };
      const { value = [] } = await list(client, limits).byPage(settings).next();
      // The SDK loses the link when it maps the items.
      return { items: value, ...(call.nextLink === undefined ? {} : { next: pathIn(origin, call.nextLink) }) };
    });

  return {
    getSecret: (name, version, context) =>
      send(context, (client, limits) => client.getSecret(name, { ...limits, ...(version === undefined ? {} : { version }) })),
    setSecret: (name, { value, ...settings }, context) =>
      send(context, (client, limits) => client.setSecret(name, value, { ...limits, ...settings })),
    deleteSecret: (name, context) => accepted(context, (client, limits) => client.beginDeleteSecret(name, limits)),
    recoverDeletedSecret: (name, context) =>
      accepted(context, (client, limits) => client.beginRecoverDeletedSecret(name, limits)),
    purgeDeletedSecret: (name, context) => send(context, (client, limits) => client.purgeDeletedSecret(name, limits)),
    listSecrets: (cursor, context) => page(context, cursor, (client, limits) => client.listPropertiesOfSecrets(limits)),
    listSecretVersions: (name, cursor, context) =>
      page(context, cursor, (client, limits) => client.listPropertiesOfSecretVersions(name, limits)),
    listDeletedSecrets: (cursor, context) => page(context, cursor, (client, limits) => client.listDeletedSecrets(limits)),
    session: session.report,
    close() {
      closed = true;
      tokens.close();
      http.close();
      loading = undefined;
    },
  };
}

import { type CallContext, isSecretsError, SecretsError, throwIfEnded } from "@keyhold/core";
import { type HttpRequest, type HttpResponse, httpClient } from "@keyhold/http";
import { type AccessTokens, azureTokens } from "@keyhold/identity";
import { knownScope } from "./challenge.ts";
import { identityTokenSource } from "./identity-token-source.ts";
import type { LeanAzureOptions } from "./lean-azure-options.ts";
import { deletedSecretOf, pageOf, propertiesOf, secretOf } from "./secret-bundle.ts";
import { type TokenCredentialLike, type TokenSource, tokenSource } from "./token-source.ts";
import type { Transport, VaultPage } from "./transport.ts";
import { isBundle, notKeyVaults, pathIn, pathOfCursor, vaultError } from "./vault-answer.ts";
import { vaultDoor } from "./vault-door.ts";
import { vaultOrigin } from "./vault-origin.ts";
import { vaultSession } from "./vault-session.ts";

const apiVersion = "2026-04-01";

const isCredential = (credential: TokenCredentialLike | AccessTokens): credential is TokenCredentialLike =>
  "getToken" in credential;

function identityOf({ authorityHost }: LeanAzureOptions): AccessTokens {
  const environment = authorityHost === undefined ? {} : { environment: { ...process.env, AZURE_AUTHORITY_HOST: authorityHost } };
  return azureTokens(environment);
}

/**
 * Key Vault's REST interface, without Azure's SDK.
 * https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups
 */
export function leanTransport(options: LeanAzureOptions): Transport {
  const { credential } = options;
  const origin = vaultOrigin(options);
  const { hostname } = new URL(origin);
  const http = httpClient({ baseUrl: origin, ...(options.tls === undefined ? {} : { tls: options.tls }) });
  const hasTenantOfItsOwn = credential === undefined || !isCredential(credential);
  const tokens: TokenSource = hasTenantOfItsOwn
    ? identityTokenSource(credential ?? identityOf(options), credential === undefined)
    : tokenSource(async () => credential);
  const session = vaultSession(http, tokens);
  // A credential of the user's may have several tenants, and only the challenge tells which is the vault's.
  const scope = hasTenantOfItsOwn ? knownScope(hostname) : undefined;
  const enter = vaultDoor({
    http,
    tokens,
    hostname,
    knock: { path: "/secrets", query: { "api-version": apiVersion } },
    known: scope === undefined ? undefined : { scope, tenantId: undefined },
    trustsChallenge: options.disableChallengeResourceVerification === true,
    onAnswer: session.note,
  });
  let closed = false;

  async function send(request: HttpRequest, context: CallContext, expected = 200): Promise<HttpResponse> {
    if (closed) throw new SecretsError("closed", "this provider is closed", { provider: "azure" });
    throwIfEnded(context);
    const response = await enter(request, context);
    if (response.status === expected) return response;
    if (response.status >= 300) throw vaultError(response, context);
    // A web page is told as such.
    if (response.status !== 204) response.json();
    throw notKeyVaults();
  }

  const request = (method: string, path: string): HttpRequest => ({ method, path, query: { "api-version": apiVersion } });

  async function ask(asked: HttpRequest, context: CallContext): Promise<unknown> {
    return (await send(asked, context)).json();
  }

  async function change(method: string, path: string, context: CallContext): Promise<void> {
    if (!isBundle(await ask(request(method, path), context))) throw notKeyVaults();
  }

  async function page<T>(
    path: string,
    cursor: string | undefined,
    toItem: (json: unknown) => T,
    context: CallContext,
  ): Promise<VaultPage<T>> {
    const asked = cursor === undefined ? request("GET", path) : { path: pathOfCursor(cursor) };
    const { items, nextLink } = pageOf(await ask(asked, context));
    return { items: items.map(toItem), ...(nextLink === undefined ? {} : { next: pathIn(origin, nextLink) }) };
  }

  const getSecret: Transport["getSecret"] = async (name, version, context) =>
    secretOf(await ask(request("GET", `/secrets/${name}/${version ?? ""}`), context));

  return {
    getSecret,
    setSecret: async (name, secret, context) =>
      secretOf(await ask({ ...request("PUT", `/secrets/${name}`), json: secret }, context)),
    deleteSecret: (name, context) => change("DELETE", `/secrets/${name}`, context),
    async recoverDeletedSecret(name, context) {
      try {
        await change("POST", `/deletedsecrets/${name}/recover`, context);
      } catch (error) {
        if (!isSecretsError(error, "not-found", "permission-denied")) throw error;
        // Perhaps it is back already.
        await getSecret(name, undefined, context).catch(() => Promise.reject(error));
      }
    },
    async purgeDeletedSecret(name, context) {
      await send(request("DELETE", `/deletedsecrets/${name}`), context, 204);
    },
    listSecrets: (cursor, context) => page("/secrets", cursor, propertiesOf, context),
    listSecretVersions: (name, cursor, context) => page(`/secrets/${name}/versions`, cursor, propertiesOf, context),
    listDeletedSecrets: (cursor, context) => page("/deletedsecrets", cursor, deletedSecretOf, context),
    session: session.report,
    close() {
      closed = true;
      tokens.close();
      http.close();
    },
  };
}

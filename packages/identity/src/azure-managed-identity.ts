import { type CallContext, SecretsError } from "@keyhold/core";
import type { HttpRequest, HttpResponse } from "@keyhold/http";
import type { AccessTokenSource } from "./access-tokens.ts";
import { ask, objectOf, parseAddress, signInError } from "./ask.ts";
import { arcAuthorization } from "./azure-arc-key.ts";
import { bearerToken } from "./bearer-token.ts";
import type { Environment } from "./environment.ts";
import { within } from "./identity-context.ts";

export interface AzureManagedIdentityOptions {
  /** The client id of a user-assigned identity. Default: AZURE_CLIENT_ID; without it, the system-assigned one. */
  readonly clientId?: string;
  /** The metadata service of a virtual machine. Default: AZURE_POD_IDENTITY_AUTHORITY_HOST, then `http://169.254.169.254`. */
  readonly endpoint?: string;
  /** How long the service may take to answer, in milliseconds: where there is none, nothing answers. Default: 5,000. */
  readonly answerMs?: number;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

interface IdentityService extends Pick<HttpRequest, "headers"> {
  readonly url: string;
  readonly version: string;
  /** The identity that it names itself. */
  readonly clientId?: string | undefined;
  /** What the query calls an identity. Default: `client_id`. */
  readonly clientIdName?: string;
  /** Answers first with the path of a key that this machine can read. */
  readonly asksForKey?: true;
}

const what = "the managed identity service";

/** https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token */
function serviceOf({ endpoint, environment = process.env }: AzureManagedIdentityOptions): IdentityService {
  const { IDENTITY_ENDPOINT: address, IDENTITY_HEADER: header, IMDS_ENDPOINT: arc } = environment;
  const { MSI_ENDPOINT: learning, MSI_SECRET: secret } = environment;
  if (environment.IDENTITY_SERVER_THUMBPRINT) {
    throw new SecretsError("unsupported", "the managed identity of Service Fabric is not read here", {
      hint: "Give the provider a credential of @azure/identity.",
    });
  }
  // https://learn.microsoft.com/en-us/azure/app-service/overview-managed-identity (App Service, Functions, Container Apps)
  if (endpoint === undefined && address && header) {
    return { url: address, version: "2019-08-01", headers: { "x-identity-header": header } };
  }
  // Azure Machine Learning. It wants a client id also where the identity is the system's, and names that one itself:
  // https://github.com/Azure/azure-sdk-for-net/issues/40348
  if (endpoint === undefined && learning && secret) {
    const clientId = environment.DEFAULT_IDENTITY_CLIENT_ID || undefined;
    return { url: learning, version: "2017-09-01", headers: { metadata: "true", secret }, clientIdName: "clientid", clientId };
  }
  // https://learn.microsoft.com/en-us/azure/azure-arc/servers/managed-identity-authentication
  if (endpoint === undefined && address && arc) {
    return { url: address, version: "2020-06-01", headers: { metadata: "true" }, asksForKey: true };
  }
  const host = endpoint ?? (environment.AZURE_POD_IDENTITY_AUTHORITY_HOST || "http://169.254.169.254");
  const url = `${host.replace(/\/+$/, "")}/metadata/identity/oauth2/token`;
  return { url, version: "2018-02-01", headers: { metadata: "true" } };
}

function refusal(response: HttpResponse, context: CallContext): SecretsError {
  const { status } = response;
  // https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
  if (status === 404 || status === 410) {
    return new SecretsError("unavailable", `${what} is being updated (status ${status})`, {
      hint: "It is back within 70 seconds.",
    });
  }
  const hint = "Assign an identity to this machine or app; a user-assigned one is named by AZURE_CLIENT_ID.";
  return signInError(response, what, context, hint);
}

/**
 * The token of a managed identity: of a virtual machine, an app, a function, a container app, an endpoint or a job of Azure Machine
 * Learning, or a machine that Azure Arc knows.
 *
 * @throws SecretsError `unauthenticated` when there is no identity, `timeout` or `unavailable` when nothing answers.
 * @see https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/overview
 */
export function azureManagedIdentity(options: AzureManagedIdentityOptions = {}): AccessTokenSource {
  const { environment = process.env, answerMs = 5_000 } = options;
  return async (scope, given) => {
    const context = within(given, answerMs);
    const { url, version, headers, asksForKey, clientIdName = "client_id", ...service } = serviceOf(options);
    if (parseAddress(url, what).search !== "") throw new SecretsError("invalid-argument", `the address of ${what} has a query`);
    const clientId = options.clientId ?? (environment.AZURE_CLIENT_ID || service.clientId);
    const query = { "api-version": version, resource: scope.replace(/\/\.default$/, ""), [clientIdName]: clientId };
    const request = (more: HttpRequest["headers"]) => ask({ what, url, query, headers: { ...headers, ...more } }, context);
    let response = await request({});
    if (asksForKey && response.status === 401) {
      response = await request({ authorization: await arcAuthorization(response.header("www-authenticate"), environment) });
    }
    if (response.status !== 200) throw refusal(response, context);
    const { expires_in: lifetime, ...answer } = objectOf(response, what);
    // These services hold tokens too, and count the lifetime from when the token was issued.
    return bearerToken(answer.expires_on === undefined ? { ...answer, expires_in: lifetime } : answer, what, context);
  };
}

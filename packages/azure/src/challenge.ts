import { foreignChallenge } from "./vault-answer.ts";

/** What a vault demands of the token for a call. */
export interface Challenge {
  /** Whom the token is for, such as `https://vault.azure.net/.default`. */
  readonly scope: string;
  /** Whose directory gives it. Undefined: the credential's own. */
  readonly tenantId: string | undefined;
}

/** What a 401 says. */
export interface Refusal {
  readonly challenge: Challenge | undefined;
  /** What conditional access demands of another token, as JSON text. */
  readonly claims: string | undefined;
}

/** Microsoft's own domains of vaults, each of which is also the service that its vaults' tokens are for. */
const vaultDomains = ["vault.azure.net", "vault.azure.cn", "vault.usgovcloudapi.net"];

/** The host that a scope is for. Undefined for what could be read as more than one host. */
function resourceOf(scope: string): string | undefined {
  return /^[a-z][a-z\d+.-]*:\/\/(?<host>[a-z\d.-]+)(?::\d+)?(?:[/?#][^\\\s]*)?$/i.exec(scope)?.groups?.host?.toLowerCase();
}

/** Whether a token of this scope may go to this host: it lies in the domain that the token is for. */
function belongs(hostname: string, scope: string): boolean {
  const resource = resourceOf(scope);
  return resource !== undefined && hostname.endsWith(`.${resource}`);
}

/**
 * The scope that a vault's challenge will name, where its host alone tells: one name below a domain of Microsoft's. A token for this
 * scope passes `checkChallenge` for this host, and for no host outside that domain.
 */
export function knownScope(hostname: string): string | undefined {
  const domain = /^[a-z\d-]+\.(?<domain>.+)$/.exec(hostname)?.groups?.domain;
  return domain !== undefined && vaultDomains.includes(domain) ? `https://${domain}/.default` : undefined;
}

/**
 * Refuses a challenge by which a host asks for a token that it could use elsewhere.
 * https://devblogs.microsoft.com/azure-sdk/guidance-for-applications-using-the-key-vault-libraries/
 *
 * @throws SecretsError `unauthenticated`.
 */
export function checkChallenge({ scope }: Challenge, hostname: string): void {
  if (!belongs(hostname, scope)) throw foreignChallenge();
}

function parameters(header: string): ReadonlyMap<string, string> {
  return new Map([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name as string, value as string]));
}

function tenantOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  const url = URL.parse(authorization);
  if (url === null) throw foreignChallenge();
  return url.pathname.slice(1) || undefined;
}

/**
 * Reads the `WWW-Authenticate` header of a 401.
 * https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses
 */
export function readRefusal(header: string | undefined): Refusal {
  const found = parameters(header ?? "");
  const resource = found.get("resource");
  const scope = resource ? `${resource}/.default` : found.get("scope");
  const claims = found.get("error") === "insufficient_claims" ? found.get("claims") : undefined;
  return {
    challenge: scope ? { scope, tenantId: tenantOf(found.get("authorization")) } : undefined,
    claims: claims === undefined ? undefined : Buffer.from(claims, "base64").toString(),
  };
}

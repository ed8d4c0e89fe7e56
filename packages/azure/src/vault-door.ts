import type { CallContext } from "@keyhold/core";
import type { HttpClient, HttpRequest, HttpResponse } from "@keyhold/http";
import { heldCredential } from "@keyhold/identity";
import { azureError } from "./azure-error.ts";
import { type Challenge, checkChallenge, type Refusal, readRefusal } from "./challenge.ts";
import type { TokenSource } from "./token-source.ts";
import { notKeyVaults, vaultError } from "./vault-answer.ts";

export interface VaultDoorOptions {
  readonly http: HttpClient;
  readonly tokens: TokenSource;
  /** Of the vault. */
  readonly hostname: string;
  /** Asked of the vault to learn its challenge: it brings neither a token nor a body. */
  readonly knock: HttpRequest;
  /** The challenge, where it is known without asking. */
  readonly known: Challenge | undefined;
  /** Tokens go to whatever host the challenge names. */
  readonly trustsChallenge: boolean;
  readonly onAnswer: (response: HttpResponse) => void;
}

interface Attempt {
  readonly challenge: Challenge;
  readonly token: string;
  readonly response: HttpResponse;
}

/** Sends a request with the token that the vault demands, and gives its answer whatever it is. */
export type VaultDoor = (request: HttpRequest, context: CallContext) => Promise<HttpResponse>;

/**
 * Signs requests as the vault's challenge says. The challenge is asked for once, whoever waits, and before a token or a value goes
 * out; a later 401 replaces it.
 */
export function vaultDoor({ http, tokens, hostname, knock, known, trustsChallenge, onAnswer }: VaultDoorOptions): VaultDoor {
  let current = known;

  async function send(request: HttpRequest, context: CallContext): Promise<HttpResponse> {
    const response = await http.request(request, context);
    onAnswer(response);
    return response;
  }

  function refusalOf(response: HttpResponse): Refusal {
    const refusal = readRefusal(response.header("www-authenticate"));
    if (refusal.challenge !== undefined && !trustsChallenge) checkChallenge(refusal.challenge, hostname);
    return refusal;
  }

  const discovery = heldCredential<Challenge>(async (context) => {
    const response = await send(knock, context);
    if (response.status < 400) throw notKeyVaults();
    if (response.status !== 401) throw vaultError(response, context);
    const { challenge } = refusalOf(response);
    if (challenge === undefined) throw azureError({ status: 401 });
    return { value: challenge };
  });

  async function attempt(
    request: HttpRequest,
    { challenge, claims }: { readonly challenge: Challenge; readonly claims?: string | undefined },
    context: CallContext,
  ): Promise<Attempt> {
    const { scope, tenantId } = challenge;
    const demands = { enableCae: true, ...(tenantId && { tenantId }), ...(claims !== undefined && { claims }) };
    const token = await tokens.get(scope, demands, context);
    const headers = { ...request.headers, authorization: `Bearer ${token}` };
    return { challenge, token, response: await send({ ...request, headers }, context) };
  }

  /** What to try next after a 401. Undefined: it stands. */
  function nextDemand({ challenge, token, response }: Attempt, isFirst: boolean) {
    const isRenewable = tokens.reject(token);
    const refusal = refusalOf(response);
    const { challenge: named = challenge, claims } = refusal;
    const isAnother = isRenewable || named.scope !== challenge.scope;
    // Once for a token that is refused; once more where conditional access demands a particular one.
    const mayHelp = claims !== undefined || (isFirst && refusal.challenge !== undefined);
    return mayHelp && isAnother ? { challenge: named, claims } : undefined;
  }

  return async (request, context) => {
    current ??= await discovery.get(context);
    let made = await attempt(request, { challenge: current }, context);
    for (let replays = 0; replays < 2 && made.response.status === 401; replays += 1) {
      const demand = nextDemand(made, replays === 0);
      if (demand === undefined) break;
      made = await attempt(request, demand, context);
    }
    if (made.response.status !== 401) current = made.challenge;
    return made.response;
  };
}

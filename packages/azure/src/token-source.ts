import { type CallContext, SecretsError, throwIfEnded } from "@keyhold/core";
import { credentialError, noToken } from "./credential-error.ts";

export interface AccessTokenLike {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresOnTimestamp: number;
  /** From when a new one should be asked for, in milliseconds since 1970. */
  readonly refreshAfterTimestamp?: number;
}

export interface TokenRequestOptions {
  readonly abortSignal?: AbortSignal;
  /** The tenant that the vault's challenge names. */
  readonly tenantId?: string;
  /** What conditional access demands of the new token. */
  readonly claims?: string;
  readonly enableCae?: boolean;
}

/** What gives tokens: every credential of `@azure/identity` fits as it is. */
export interface TokenCredentialLike {
  getToken(scopes: string | string[], options?: TokenRequestOptions): Promise<AccessTokenLike | null>;
}

/** Tokens for one vault: held until shortly before they end, and asked for once, whoever waits. */
export interface TokenSource {
  get(scopes: string | string[], options: Omit<TokenRequestOptions, "abortSignal">, context: CallContext): Promise<string>;
  /** The vault refused this token: the next call asks for another. False: another was made just now, so the refusal stands. */
  reject(token: string): boolean;
  /** The token that was given out last. */
  latest(): string | undefined;
  close(): void;
}

interface Held {
  readonly token: string;
  readonly expiresAt: number;
  refreshAt: number;
}

interface Flight {
  readonly held: Promise<Held>;
  readonly controller: AbortController;
  waiters: number;
}

/** Time for a request on its way, and for clocks that differ a little. */
const spareMs = 5_000;
const renewAheadMs = 2 * 60_000;
const renewalTimeoutMs = 30_000;

/**
 * Holds the tokens of a credential. One caller that gives up does not take the token from the others; when the last one does, the
 * request for it ends. A token that is about to end is renewed while it still serves.
 */
export function tokenSource(credential: () => Promise<TokenCredentialLike>): TokenSource {
  const tokens = new Map<string, Held>();
  const flights = new Map<string, Flight>();
  let latest: string | undefined;

  async function fetchToken(scopes: string | string[], options: TokenRequestOptions): Promise<Held> {
    const source = await credential();
    let given: AccessTokenLike | null;
    try {
      given = await source.getToken(scopes, options);
    } catch (error) {
      throw credentialError(error);
    }
    if (typeof given?.token !== "string") throw noToken();
    const { token, expiresOnTimestamp: expiresAt, refreshAfterTimestamp } = given;
    return { token, expiresAt, refreshAt: refreshAfterTimestamp ?? expiresAt - renewAheadMs };
  }

  function start(flightKey: string, tokenKey: string, fetch: (abortSignal: AbortSignal) => Promise<Held>): Flight {
    const controller = new AbortController();
    const { signal } = controller;
    const held = new Promise<Held>((resolve, reject) => {
      // A credential that does not listen to its signal must not keep anybody waiting either.
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      fetch(signal).then(resolve, reject);
    });
    const flight: Flight = { held, controller, waiters: 0 };
    flights.set(flightKey, flight);
    held
      .then((fresh) => tokens.set(tokenKey, fresh))
      .catch(() => {})
      .finally(() => forget(flightKey, flight));
    return flight;
  }

  function renew(tokenKey: string, fetch: (abortSignal: AbortSignal) => Promise<Held>): void {
    const flightKey = `renewal ${tokenKey}`;
    const { held, controller } = start(flightKey, tokenKey, fetch);
    const timer = setTimeout(() => controller.abort(), renewalTimeoutMs).unref();
    held.catch(() => {}).finally(() => clearTimeout(timer));
  }

  function forget(key: string, flight: Flight): void {
    if (flights.get(key) === flight) flights.delete(key);
  }

  function join(key: string, flight: Flight, context: CallContext): Promise<Held> {
    const { signal } = context;
    flight.waiters += 1;
    let isServed = false;
    return new Promise<Held>((resolve, reject) => {
      const leave = () => {
        try {
          throwIfEnded(context);
        } catch (error) {
          reject(error);
        }
      };
      signal.addEventListener("abort", leave, { once: true });
      const serve = (held: Held) => {
        isServed = true;
        resolve(held);
      };
      flight.held.then(serve, reject).finally(() => signal.removeEventListener("abort", leave));
    }).finally(() => {
      flight.waiters -= 1;
      // There is nothing to end after a success, and an error takes its time to make.
      if (flight.waiters > 0 || isServed) return;
      forget(key, flight);
      flight.controller.abort(new SecretsError("aborted", "nobody waits for this token any more"));
    });
  }

  return {
    async get(scopes, options, context) {
      throwIfEnded(context);
      const fetch = (abortSignal: AbortSignal) => fetchToken(scopes, { ...options, abortSignal });
      const tokenKey = JSON.stringify([scopes, options.tenantId]);
      const now = context.clock.now();
      const current = options.claims === undefined ? tokens.get(tokenKey) : undefined;
      if (current !== undefined && now < current.expiresAt - spareMs) {
        if (now >= current.refreshAt) {
          // While renewing fails, not again for each call.
          current.refreshAt = now + renewalTimeoutMs;
          renew(tokenKey, fetch);
        }
        latest = current.token;
      } else {
        const flightKey = JSON.stringify([tokenKey, options.claims]);
        const flight = flights.get(flightKey) ?? start(flightKey, tokenKey, fetch);
        latest = (await join(flightKey, flight, context)).token;
      }
      return latest;
    },
    reject(token) {
      for (const [key, held] of tokens) if (held.token === token) tokens.delete(key);
      return true;
    },
    latest: () => latest,
    close() {
      for (const { controller } of flights.values()) {
        controller.abort(new SecretsError("closed", "this provider was closed", { provider: "azure" }));
      }
      tokens.clear();
      latest = undefined;
    },
  };
}

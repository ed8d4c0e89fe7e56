import { type CallContext, type Clock, renewalPauseMs, SecretsError, throwIfEnded } from "@keyhold/core";
import type { VaultAuth } from "./auth.ts";
import { extend, type HeldToken, holdToken, leftMs } from "./held-token.ts";
import { isPolicyDenial, issuedToken } from "./login.ts";
import { sharedRun } from "./shared-run.ts";
import type { Method, Transport, VaultAnswer, VaultRequest } from "./transport.ts";
import { vaultError } from "./vault-error.ts";

export interface SessionOptions {
  readonly transport: Transport;
  readonly auth: VaultAuth;
  readonly namespace: string | undefined;
}

/** Requests with a token, which is got, renewed and replaced here. */
export interface Session {
  /** Ends when the provider is closed. */
  readonly closing: AbortSignal;
  /** Any answer, whatever its status, and the token it was given to. */
  send(
    method: Method,
    path: string,
    request: VaultRequest,
    context: CallContext,
  ): Promise<{ readonly answer: VaultAnswer; readonly token: HeldToken }>;
  /** The answer of a success. @throws SecretsError for any other. */
  call(method: Method, path: string, request: VaultRequest, context: CallContext): Promise<VaultAnswer>;
  /** A request that needs no token of ours. Any answer, whatever its status. */
  bare(method: Method, path: string, request: VaultRequest, context: CallContext): Promise<VaultAnswer>;
  close(): void;
}

const agentRefused = () =>
  new SecretsError("unauthenticated", "the agent has no token that Vault accepts", {
    provider: "vault",
    hint: "Its log says why. It needs auto_auth, and use_auto_auth_token in its api_proxy.",
  });

const backgroundTimeoutMs = 10_000;
const leastRenewalMs = 1_000;

export function createSession({ transport, auth, namespace }: SessionOptions): Session {
  const closing = new AbortController();
  let held: HeldToken | undefined;
  let cancelRenewal = () => {};

  const bare: Session["bare"] = async (method, path, request, context) => {
    closing.signal.throwIfAborted();
    throwIfEnded(context);
    return transport.request(
      method,
      path,
      { ...request, headers: { "x-vault-namespace": namespace, ...request.headers } },
      context,
    );
  };
  const withToken = ({ token }: HeldToken, ...[method, path, request, context]: Parameters<Session["bare"]>) =>
    bare(method, path, { ...request, headers: { ...request.headers, "x-vault-token": token } }, context);

  const drop = (token: HeldToken) => {
    if (held !== token) return;
    held = undefined;
    cancelRenewal();
  };

  const login = sharedRun(async (context) => {
    const token = holdToken(await auth.login({ request: bare, context }), context.clock);
    cancelRenewal();
    held = token;
    scheduleRenewal(token, context.clock);
    return token;
  }, closing.signal);

  function scheduleRenewal(token: HeldToken, clock: Clock, failures = 0): void {
    const left = leftMs(token, clock);
    if (!token.renewable || left === Number.POSITIVE_INFINITY || left < leastRenewalMs) return;
    const delayMs = failures === 0 ? token.dueAt - clock.monotonic() : renewalPauseMs(failures, left);
    cancelRenewal = clock.setTimer(() => void renew(token, clock, failures), Math.max(leastRenewalMs, delayMs));
  }

  /** Never rejects: the token is used until it ends, whatever becomes of its renewal. */
  async function renew(token: HeldToken, clock: Clock, failuresBefore: number): Promise<void> {
    let failures = failuresBefore + 1;
    const leftBefore = leftMs(token, clock);
    const context = { signal: closing.signal, deadlineAt: clock.monotonic() + backgroundTimeoutMs, clock };
    try {
      const answer = await withToken(token, "POST", "auth/token/renew-self", { body: {} }, context);
      if (answer.status < 300) {
        const { ttlMs, renewable } = issuedToken(answer);
        // At the end of its longest life a renewal gives nothing more, only a rounded rest. Then the token is to be replaced.
        const longer = ttlMs !== undefined && ttlMs > leftBefore + leastRenewalMs;
        token.renewable = renewable && longer;
        if (longer) extend(token, ttlMs, clock);
        failures = 0;
      } else if (answer.status === 403 && !isPolicyDenial(answer)) {
        drop(token);
      } else if (answer.status === 400 || answer.status === 403) {
        token.renewable = false;
      }
    } catch {
      // Vault may be down for a while: tried again below, sooner each time.
    }
    if (held === token && !closing.signal.aborted) scheduleRenewal(token, clock, failures);
  }

  /** Gets the next token while this one is still good. Nobody waits for it, so a login that hangs delays no call. */
  function replace(token: HeldToken, clock: Clock): void {
    token.dueAt = clock.monotonic() + Math.max(leastRenewalMs, leftMs(token, clock) / 3);
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(backgroundTimeoutMs)]);
    // Where it fails, the token is used until it ends.
    login({ signal, deadlineAt: clock.monotonic() + backgroundTimeoutMs, clock }).catch(() => {});
  }

  async function currentToken(context: CallContext): Promise<HeldToken> {
    const token = held;
    const { clock } = context;
    if (token === undefined || leftMs(token, clock) <= 0) return login(context);
    if (!token.renewable && auth.issuesTokens && clock.monotonic() >= token.dueAt) replace(token, clock);
    return token;
  }

  /** Whether a 403 means that the token is not valid any more. Where its words leave that open, Vault is asked. */
  async function isRefused(answer: VaultAnswer, token: HeldToken, context: CallContext): Promise<boolean> {
    if (isPolicyDenial(answer)) return false;
    if (vaultError(answer, context.clock).code === "unauthenticated") return true;
    const self = await withToken(token, "GET", "auth/token/lookup-self", {}, context);
    return self.status === 403 && !isPolicyDenial(self);
  }

  const send: Session["send"] = async (method, path, request, context) => {
    throwIfEnded(context);
    closing.signal.throwIfAborted();
    const token = await currentToken(context);
    const answer = await withToken(token, method, path, request, context);
    if (answer.status !== 403 || !(await isRefused(answer, token, context))) return { answer, token };
    if (token.token === undefined) throw agentRefused();
    drop(token);
    const next = await currentToken(context);
    return { answer: await withToken(next, method, path, request, context), token: next };
  };

  return {
    closing: closing.signal,
    send,
    async call(method, path, request, context) {
      const { answer } = await send(method, path, request, context);
      if (answer.status >= 300) throw vaultError(answer, context.clock);
      return answer;
    },
    bare,
    close() {
      closing.abort(new SecretsError("closed", "this provider is closed", { provider: "vault" }));
      cancelRenewal();
      held = undefined;
      transport.close();
    },
  };
}

import { type Secret, type Secrets, SecretsError } from "@keyhold/core";
import { transportError } from "@keyhold/http";
import type { Response as Answer } from "undici";
import { discard } from "./clean-response.ts";
import type { Connections, Filling } from "./connections.ts";
import type { PlannedRequest } from "./plan-request.ts";
import { awsKeysOf, signRequest } from "./sign-request.ts";
import type { UsedValues } from "./used-values.ts";
import { headerText } from "./value-text.ts";
import { createWireToken } from "./wire-tokens.ts";

export interface ExchangeContext {
  readonly secrets: Secrets;
  readonly connections: Connections;
  readonly used: UsedValues;
  readonly signal: AbortSignal;
  /** Called when the first byte may leave. */
  readonly onSend: () => void;
}

type Found = ReadonlyMap<string, Secret>;

/** A host said that the credential is wrong. `secrets.use` reads it anew, and if it has changed, sends again. */
class Refused {
  readonly status = 401;
  readonly answer: Answer;

  constructor(answer: Answer) {
    this.answer = answer;
  }
}

/** What the request's tokens stand for, and its headers, now that the values are known. */
function fillRequest({ request, policy, slots, signing }: PlannedRequest, found: Found, used: UsedValues) {
  const fillings = new Map<string, Filling>();
  const use = (reference: string, value: string) => {
    if (!policy.statusOnly) used.add(value, reference);
  };
  for (const { reference, token, text } of slots) {
    const value = (found.get(reference) as Secret).text();
    use(reference, value);
    fillings.set(token, { origin: policy.origin, text: text(value) });
  }
  if (signing === undefined) return { fillings, headers: request.headers };
  const { reference, place } = signing;
  const keys = awsKeysOf(found.get(reference) as Secret, reference);
  const headers = signRequest(request, place, keys);
  use(reference, keys.secretAccessKey);
  if (keys.sessionToken !== undefined) {
    use(reference, keys.sessionToken);
    const token = createWireToken();
    headers.set("x-amz-security-token", token);
    fillings.set(token, { origin: policy.origin, text: headerText(keys.sessionToken) });
  }
  return { fillings, headers };
}

async function sendOnce(planned: PlannedRequest, found: Found, context: ExchangeContext): Promise<Answer> {
  const { connections, used, signal, onSend } = context;
  const { fetch } = await import("undici");
  const { url, method, body, integrity } = planned.request;
  const { fillings, headers } = fillRequest(planned, found, used);
  const filled = connections.fill(fillings);
  try {
    signal.throwIfAborted();
    onSend();
    return await fetch(url, {
      method,
      headers: [...headers, ["accept-encoding", "gzip, deflate, br"]],
      redirect: "manual",
      dispatcher: connections.agent,
      signal,
      ...(body === undefined ? {} : { body }),
      ...(integrity === "" ? {} : { integrity }),
    });
  } catch (error) {
    throw signal.aborted ? signal.reason : networkError(error, url.host);
  } finally {
    filled.release();
  }
}

function networkError(error: unknown, host: string): SecretsError {
  // `fetch` wraps what happened; only codes are read of it.
  let inner = error;
  while (inner instanceof TypeError && inner.cause !== undefined) inner = inner.cause;
  return inner instanceof SecretsError ? inner : transportError(inner, host);
}

/**
 * Sends a request with its values. Where the host answers 401 and the backend has a newer value, it is sent once more.
 *
 * @throws SecretsError of the backend, `permission-denied` for an address that may not be connected to, `unavailable`; and the
 * signal's reason.
 */
export async function exchange(planned: PlannedRequest, context: ExchangeContext): Promise<Answer> {
  const { secrets, signal } = context;
  let refused: Answer | undefined;
  const send = async (found: Found): Promise<Answer> => {
    if (refused) discard(refused);
    refused = undefined;
    const answer = await sendOnce(planned, found, context);
    if (answer.status !== 401 || found.size === 0) return answer;
    refused = answer;
    throw new Refused(answer);
  };
  const withSecrets = (references: readonly string[], found: Found): Promise<Answer> => {
    const [first, ...rest] = references;
    if (first === undefined) return send(found);
    const isAuthError = (error: unknown) => error instanceof Refused;
    return secrets.use(first, (secret) => withSecrets(rest, new Map([...found, [first, secret]])), { signal, isAuthError });
  };
  try {
    return await withSecrets(planned.references, new Map());
  } catch (error) {
    if (error instanceof Refused) return error.answer;
    // The newer value could not be had: nobody reads the refusal of the older one.
    if (refused) discard(refused);
    throw signal.aborted ? signal.reason : error;
  }
}

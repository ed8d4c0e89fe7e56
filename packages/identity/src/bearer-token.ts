import type { CallContext } from "@keyhold/core";
import type { AccessToken } from "./access-tokens.ts";
import { unexpectedAnswer } from "./ask.ts";

/** A number, also where it comes as text, as Azure's metadata services send it. */
function numberOf(value: unknown): number | undefined {
  if (typeof value === "string" && /^\d{1,15}$/.test(value)) return Number(value);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

const secondsMs = (value: unknown): number | undefined => {
  const seconds = numberOf(value);
  return seconds === undefined ? undefined : seconds * 1000;
};

/**
 * The token in an OAuth answer. How long it lives goes before when it ends: that does not depend on this machine's clock.
 *
 * @throws SecretsError `decode`, which repeats nothing of the answer.
 */
export function bearerToken(answer: Readonly<Record<string, unknown>>, what: string, { clock }: CallContext): AccessToken {
  const { access_token: token, expires_in: lifetime, expires_on: end, refresh_in: refresh } = answer;
  const lifeMs = secondsMs(lifetime);
  const expiresAt = lifeMs === undefined ? secondsMs(end) : clock.now() + lifeMs;
  if (typeof token !== "string" || token === "" || expiresAt === undefined) throw unexpectedAnswer(what);
  const refreshMs = secondsMs(refresh);
  return { token, expiresAt, ...(refreshMs === undefined ? {} : { refreshAt: clock.now() + refreshMs }) };
}

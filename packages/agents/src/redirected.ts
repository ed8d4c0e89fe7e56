import { SecretsError } from "@keyhold/core";
import type { Outgoing } from "./outgoing.ts";
import type { PlannedRequest } from "./plan-request.ts";

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What identifies the sender to the host that was asked, whoever put it in. */
const identifying = /^(?:authorization|cookie|x-amz-.*|.*(?:api-?key|token|secret).*)$/;

export const mostRedirects = 10;

/** Whether an answer leads elsewhere. */
export function isRedirect(status: number, location: string | null): location is string {
  return redirects.has(status) && location !== null;
}

/**
 * The request that a redirect asks for (fetch standard, 4.4), without anything that identifies the sender.
 *
 * @throws SecretsError `invalid-argument` for a location that is none.
 * @see https://fetch.spec.whatwg.org/#http-redirect-fetch
 */
export function redirected({ request, filledHeaders }: PlannedRequest, status: number, location: string): Outgoing {
  const { url, method, body, headers } = request;
  const base = new URL(url);
  base.search = "";
  let next: URL;
  try {
    next = new URL(location, base);
  } catch {
    throw new SecretsError("unavailable", "the host answered with a redirect to nowhere");
  }
  if (next.username !== "" || next.password !== "" || !/^https?:$/.test(next.protocol)) {
    throw new SecretsError("permission-denied", "the host answered with a redirect that is not followed");
  }
  next.hash = "";
  const becomesGet =
    status === 303 ? method !== "GET" && method !== "HEAD" : (status === 301 || status === 302) && method === "POST";
  const kept = [...headers].filter(([name]) => {
    const isOfBody = becomesGet && name.startsWith("content-");
    return !isOfBody && !filledHeaders.includes(name) && !identifying.test(name);
  });
  return {
    ...request,
    url: next,
    headers: new Map(kept),
    method: becomesGet ? "GET" : method,
    body: becomesGet ? undefined : body,
  };
}

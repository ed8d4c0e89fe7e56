import { isSecretsError, type Secrets, SecretsError } from "@keyhold/core";
import type { Response as Answer } from "undici";
import { type CallEnding, createCallEnding } from "./call-ending.ts";
import { cleanResponse, discard } from "./clean-response.ts";
import { cleanText } from "./cleaner.ts";
import type { Connections } from "./connections.ts";
import type { EgressEvent, EgressUse } from "./egress-event.ts";
import { exchange } from "./exchange.ts";
import type { GrantState } from "./grant.ts";
import { bodyOf, type FetchInput, type Outgoing, outgoingOf, requestOf } from "./outgoing.ts";
import { createPlaceholders, type Placeholders } from "./placeholders.ts";
import { type PlanContext, type PlannedRequest, planRequest } from "./plan-request.ts";
import { isRedirect, mostRedirects, redirected } from "./redirected.ts";
import type { OriginPolicy, RuleBook } from "./rule-book.ts";
import type { UsedValues } from "./used-values.ts";

/** What all calls of one `secretFetch` share. */
export interface Egress {
  readonly secrets: Secrets;
  readonly book: RuleBook;
  readonly unlisted: OriginPolicy | undefined;
  readonly used: UsedValues;
  readonly deadlineMs: number;
  readonly maxResponseBytes: number;
  readonly maxRequestBytes: number;
  connections(): Promise<Connections>;
  onEvent(event: EgressEvent): void;
}

/** Who calls: the fetch itself, or a grant. */
export interface Scope {
  readonly placeholders: Placeholders;
  readonly grant: GrantState | undefined;
}

const noPlaceholders = createPlaceholders();

function useOf({ grant }: Scope, { url, method }: Outgoing, reference: string): EgressUse {
  return { reference, host: url.host, method, path: url.pathname, ...grant?.holder };
}

/** Whose placeholders stand in a request that was refused. */
function attempted({ placeholders }: Scope, { url, headers }: Outgoing, error: unknown): string[] {
  if (isSecretsError(error) && error.reference !== undefined) return [error.reference];
  const basic = headers.get("authorization")?.replace(/^Basic +/i, "") ?? "";
  return placeholders.mentionedIn([url.href, ...headers.values(), Buffer.from(basic, "base64").toString()].join("\n"));
}

/** Follows redirects as far as the rules let it, without a value. */
async function follow(
  first: Answer,
  planned: PlannedRequest,
  send: (next: PlannedRequest) => Promise<Answer>,
  context: PlanContext,
  used: UsedValues,
) {
  let answer = first;
  let current = planned;
  let hops = 0;
  let mayFollow = planned.references.length === 0 || planned.policy.followsWithoutValue;
  for (;;) {
    const location = answer.headers.get("location");
    if (!isRedirect(answer.status, location) || current.request.redirect === "manual") break;
    if (current.request.redirect === "error" || hops === mostRedirects) {
      discard(answer);
      throw new SecretsError(
        "permission-denied",
        hops === 0 ? "the host answered with a redirect" : "the host redirects too often",
      );
    }
    if (!mayFollow) break;
    discard(answer);
    const { status } = answer;
    const clean = cleanText(location, used.needles());
    current = planRequest(redirected(current, status, clean), { ...context, placeholders: noPlaceholders });
    answer = await send(current);
    mayFollow = true;
    hops += 1;
  }
  return { answer, current, hops };
}

/** One call of a `secretFetch`, from what `fetch` takes to what it gives. */
export async function egressCall(
  egress: Egress,
  scope: Scope,
  input: FetchInput,
  init: RequestInit | undefined,
): Promise<Response> {
  const request = requestOf(input, init);
  const outgoing = outgoingOf(request);
  const ending = createCallEnding(scope.grant ? [request, scope.grant] : [request], egress.deadlineMs);
  const progress: Progress = { references: [], wasSent: false };
  const tell = (outcome: Pick<EgressEvent, "outcome" | "status" | "error">) => {
    for (const reference of progress.references)
      egress.onEvent({ type: "use", ...useOf(scope, outgoing, reference), ...outcome });
  };
  try {
    const body = await bodyOf(request, egress.maxRequestBytes, ending.signal);
    const { answer, response } = await perform(egress, scope, { ...outgoing, body }, ending, progress);
    tell({ outcome: "answered", status: answer.status });
    return response;
  } catch (error) {
    ending.release();
    if (progress.references.length === 0) progress.references = attempted(scope, outgoing, error);
    const wasRevoked = scope.grant?.signal.aborted === true && error === scope.grant.signal.reason;
    const outcome = progress.wasSent ? (wasRevoked ? "revoked" : "failed") : "refused";
    tell({ outcome, ...(isSecretsError(error) ? { error } : {}) });
    throw error;
  }
}

interface Progress {
  references: readonly string[];
  wasSent: boolean;
}

async function perform(egress: Egress, scope: Scope, outgoing: Outgoing, ending: CallEnding, progress: Progress) {
  const { book, unlisted, used, secrets } = egress;
  const { signal } = ending;
  signal.throwIfAborted();
  const context = { book, unlisted, placeholders: scope.placeholders };
  const planned = planRequest(outgoing, context);
  progress.references = planned.references;
  if (planned.references.length > 0) {
    const uses = planned.references.map((reference) => useOf(scope, outgoing, reference));
    await scope.grant?.admit(uses, signal);
  }
  scope.grant?.signal.throwIfAborted();
  const connections = await egress.connections();
  const onSend = () => {
    progress.wasSent = true;
  };
  const send = (next: PlannedRequest) => exchange(next, { secrets, connections, used, signal, onSend });
  const { answer, current, hops } = await follow(await send(planned), planned, send, context, used);
  const response = cleanResponse(answer, {
    url: hops === 0 ? outgoing.url.href : current.request.url.href,
    redirected: hops > 0,
    statusOnly: current.policy.statusOnly,
    needles: used.needles,
    limitBytes: egress.maxResponseBytes,
    ending,
  });
  return { answer, response };
}

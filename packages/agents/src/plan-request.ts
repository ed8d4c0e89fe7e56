import { SecretsError } from "@keyhold/core";
import type { Outgoing } from "./outgoing.ts";
import { mentionsPlaceholder, type Placeholders } from "./placeholders.ts";
import type { OriginPolicy, PreparedRule, RuleBook } from "./rule-book.ts";
import { hasHiddenSegments, startsWithPath } from "./url-path.ts";
import { basicText, headerText, queryText } from "./value-text.ts";
import { createWireToken } from "./wire-tokens.ts";

/** Where a value goes. The request holds `token` there, until its bytes are written to the connection. */
export interface Slot {
  readonly reference: string;
  readonly token: string;
  /** The value as it stands there. @throws SecretsError when it cannot. */
  text(value: string): string;
}

/** A request that was checked against the rules. */
export interface PlannedRequest {
  readonly request: Outgoing;
  readonly policy: OriginPolicy;
  readonly slots: readonly Slot[];
  /** The rule to sign by, if one does. */
  readonly signing: (PreparedRule & { readonly place: { readonly kind: "aws" } }) | undefined;
  /** All references that the request needs, each once. */
  readonly references: readonly string[];
  /** The headers that hold a value; they stay behind when a redirect is followed. */
  readonly filledHeaders: readonly string[];
}

export interface PlanContext {
  readonly book: RuleBook;
  readonly placeholders: Placeholders;
  /** What holds where no rule names the origin; undefined: nothing is sent there. */
  readonly unlisted: OriginPolicy | undefined;
}

/** By these a server may be told another method, or another path, than those that were checked. */
const methodOverrides = ["x-http-method-override", "x-http-method", "x-method-override"];
const pathOverrides = ["x-original-url", "x-rewrite-url"];
const signedAccessKey = /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\//;

const unknown = (): SecretsError =>
  new SecretsError("invalid-argument", "a placeholder that this fetch does not know, or one that was changed", {
    hint: "A placeholder works only in the fetch, or the grant, that made it, and only whole.",
  });

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}

/** Checks a request against the rules, and puts a token for one use in the place of each placeholder. */
class Planner {
  readonly slots: Slot[] = [];
  readonly filledHeaders: string[] = [];
  signing: PlannedRequest["signing"];
  readonly #request: Outgoing;
  readonly #context: PlanContext;

  constructor(request: Outgoing, context: PlanContext) {
    this.#request = request;
    this.#context = context;
  }

  /** The rule that lets this reference into this place, or a refusal. */
  #rule(reference: string, fits: (place: PreparedRule["place"]) => boolean): PreparedRule {
    const { url, method, headers } = this.#request;
    const refuse = (what: string, hint: string) => new SecretsError("permission-denied", what, { reference, hint });
    const here = this.#context.book.rules.filter((rule) => rule.reference === reference && rule.policy.origin === url.origin);
    if (here.length === 0) {
      throw refuse("no rule lets this secret go to that host", "Scheme, host and port of the URL are exactly those of a rule.");
    }
    const placed = here.filter((rule) => fits(rule.place));
    if (placed.length === 0)
      throw refuse("no rule lets this secret stand in that place", "Put the placeholder where the rule says.");
    const isPlainPath = !hasHiddenSegments(url.pathname) && !pathOverrides.some((name) => headers.has(name));
    const isPlainMethod = !methodOverrides.some((name) => headers.has(name));
    const rule = placed.find(({ path, methods }) => {
      const isPath = path === "" || (isPlainPath && startsWithPath(url.pathname, path));
      const isMethod = methods === undefined || (isPlainMethod && methods.has(method));
      return isPath && isMethod;
    });
    if (rule === undefined) {
      throw refuse("no rule lets this secret go with that path and method", "Check `path` and `methods` of the rule.");
    }
    return rule;
  }

  #slot(reference: string, text: Slot["text"]): string {
    const token = createWireToken();
    this.slots.push({ reference, token, text });
    return token;
  }

  header(name: string, value: string): string {
    const { placeholders } = this.#context;
    const basic = /^Basic +([A-Za-z0-9+/_=-]+)$/i.exec(value);
    const pair = basic ? fromBase64(basic[1] as string) : "";
    if (!mentionsPlaceholder(value) && !mentionsPlaceholder(pair)) {
      if (mentionsPlaceholder(decoded(value))) throw unknown();
      return value;
    }
    this.filledHeaders.push(name);
    if (basic) return this.#basic(name, pair);
    const accessKey = signedAccessKey.exec(value)?.[1];
    const bearer = /^Bearer +(.*)$/i.exec(value)?.[1];
    const reference = placeholders.referenceOf(accessKey ?? bearer ?? value);
    if (reference === undefined) throw unknown();
    const rule = this.#rule(reference, (place) => {
      if (place.kind === "aws") return name === "authorization" && bearer === undefined;
      if (place.kind !== "header" || place.name !== name || accessKey !== undefined) return false;
      return place.as === (bearer === undefined ? "raw" : "bearer");
    });
    if (rule.place.kind === "aws") {
      this.signing = rule as PlannedRequest["signing"];
      return "";
    }
    const token = this.#slot(reference, headerText);
    return bearer === undefined ? token : `Bearer ${token}`;
  }

  #basic(name: string, pair: string): string {
    const { placeholders } = this.#context;
    const colon = pair.indexOf(":");
    const [user, password] = colon === -1 ? [pair, ""] : [pair.slice(0, colon), pair.slice(colon + 1)];
    const isUser = placeholders.referenceOf(user) !== undefined;
    const reference = placeholders.referenceOf(isUser ? user : password);
    if (reference === undefined || mentionsPlaceholder(isUser ? password : user)) throw unknown();
    this.#rule(reference, (place) => place.kind === "header" && place.name === name && place.as === "basic");
    const token = this.#slot(reference, (value) => basicText(isUser ? [value, password] : [user, value]));
    return `Basic ${token}`;
  }

  query(search: string): string {
    if (!mentionsPlaceholder(search) && !mentionsPlaceholder(decoded(search))) return search;
    const pairs = search.slice(1).split("&");
    const filled = pairs.map((pair) => {
      if (!mentionsPlaceholder(pair) && !mentionsPlaceholder(decoded(pair))) return pair;
      const equals = pair.indexOf("=");
      const reference = this.#context.placeholders.referenceOf(pair.slice(equals + 1));
      if (equals === -1 || reference === undefined) throw unknown();
      const name = pair.slice(0, equals);
      this.#rule(reference, (place) => place.kind === "query" && place.name === decoded(name));
      return `${name}=${this.#slot(reference, queryText)}`;
    });
    return `?${filled.join("&")}`;
  }
}

function refusePlaceholderElsewhere({ url, body }: Outgoing, policy: OriginPolicy): void {
  const place = `${url.host}${url.pathname}`;
  if (mentionsPlaceholder(place) || mentionsPlaceholder(decoded(decoded(place)))) {
    throw new SecretsError("invalid-argument", "a placeholder in the host or path of a URL", {
      hint: "A value goes into a header, a query parameter or a signature.",
    });
  }
  if (body === undefined || policy.keepsPlaceholdersInBody) return;
  const { buffer, byteOffset, byteLength } = body;
  if (!mentionsPlaceholder(Buffer.from(buffer, byteOffset, byteLength).toString("latin1"))) return;
  throw new SecretsError("invalid-argument", "a placeholder in the body of a request", {
    hint: 'It is never replaced there. Where a prompt may mention one, give the rule placeholderInBody: "keep".',
  });
}

/**
 * Checks a request before anything of it is sent.
 *
 * @throws SecretsError `permission-denied` for a host without a rule, or a secret that no rule lets go there; `invalid-argument` for
 * an unknown placeholder, or one where none can stand.
 */
export function planRequest(request: Outgoing, context: PlanContext): PlannedRequest {
  const policy = context.book.policies.get(request.url.origin) ?? context.unlisted;
  const planner = new Planner(request, context);
  const headers = new Map([...request.headers].map(([name, value]) => [name, planner.header(name, value)]));
  const url = new URL(request.url);
  url.search = planner.query(url.search);
  if (policy === undefined) {
    throw new SecretsError("permission-denied", "no rule of this fetch names that host", {
      hint: 'Scheme, host and port of the URL are exactly those of a rule. Requests without a secret go anywhere with unlisted: "send".',
    });
  }
  refusePlaceholderElsewhere(request, policy);
  if (planner.signing) headers.delete("authorization");
  const { slots, signing, filledHeaders } = planner;
  if (signing && slots.length > 0) {
    throw new SecretsError("invalid-argument", "a signed request that carries another secret", {
      hint: "Send it without one of them.",
    });
  }
  const references = [...new Set([...slots.map((slot) => slot.reference), ...(signing ? [signing.reference] : [])])];
  return { request: { ...request, url, headers }, policy, slots, signing, references, filledHeaders };
}

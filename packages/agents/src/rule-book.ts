import { formatReference, parseReference, SecretsError } from "@keyhold/core";
import { type AddressPolicy, areLoopback, loopback, onlyAddresses, publicAddresses } from "./address-policy.ts";
import type { EgressRule } from "./egress-rule.ts";

/** What holds for every request to one origin, whichever rule let it through. */
export interface OriginPolicy {
  readonly origin: string;
  readonly addresses: AddressPolicy;
  readonly statusOnly: boolean;
  readonly followsWithoutValue: boolean;
  readonly keepsPlaceholdersInBody: boolean;
}

/** A rule with its defaults filled in and its names in the form in which they are compared. */
export interface PreparedRule {
  readonly reference: string;
  readonly policy: OriginPolicy;
  readonly path: string;
  readonly methods: ReadonlySet<string> | undefined;
  readonly place:
    | { readonly kind: "header"; readonly name: string; readonly as: "raw" | "bearer" | "basic" }
    | { readonly kind: "query"; readonly name: string }
    | { readonly kind: "aws"; readonly service: string; readonly region: string };
}

export interface RuleBook {
  readonly rules: readonly PreparedRule[];
  readonly policies: ReadonlyMap<string, OriginPolicy>;
}

/** Every key of a rule, each once: the compiler holds it to the type. */
const ruleKeys: Readonly<Record<keyof EgressRule, true>> = {
  reference: true,
  host: true,
  scheme: true,
  port: true,
  path: true,
  methods: true,
  header: true,
  as: true,
  query: true,
  aws: true,
  addresses: true,
  response: true,
  redirects: true,
  placeholderInBody: true,
};

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What says where a request goes or how it is framed is nobody's to fill. */
const framing = /^(?:host|connection|content-length|transfer-encoding|upgrade|te|trailer|expect|keep-alive|proxy-.*)$/;

function refuse(index: number, what: string, hint: string): SecretsError {
  return new SecretsError("invalid-argument", `rule ${index + 1} of allow ${what}`, { hint });
}

/** A host as `URL` writes it, or undefined for what is more or less than a host. */
function canonicalHost(host: unknown): string | undefined {
  if (typeof host !== "string" || host === "" || /[\s/\\@?#*%]|\.$/.test(host)) return undefined;
  try {
    const { hostname } = new URL(`https://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}`);
    return host.includes(":") && !hostname.startsWith("[") ? undefined : hostname.replace(/^\[(.*)\]$/, "$1");
  } catch {
    return undefined;
  }
}

/** The origin as `URL.origin` writes it. */
function originOf(index: number, { host, scheme = "https", port }: EgressRule): string {
  const name = canonicalHost(host);
  if (name === undefined) {
    throw refuse(
      index,
      "has no host, or what is no host",
      "Name one host, without scheme, port, path or wildcard: api.openai.com",
    );
  }
  if (scheme !== "https" && scheme !== "http") throw refuse(index, "has an unknown scheme", "Use https, or http on loopback.");
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536)) {
    throw refuse(index, "has a port that is none", "A port is a whole number from 1 to 65535.");
  }
  return new URL(`${scheme}://${name.includes(":") ? `[${name}]` : name}:${port ?? (scheme === "https" ? 443 : 80)}`).origin;
}

function policyOf(index: number, rule: EgressRule, origin: string): OriginPolicy {
  const { scheme, addresses = scheme === "http" ? loopback : undefined } = rule;
  const isAddress = process.getBuiltinModule("node:net").isIP(canonicalHost(rule.host) as string) !== 0;
  if (isAddress && rule.addresses === undefined) {
    throw refuse(index, "names an address as its host", "Use the host's name, or name the address in `addresses` too.");
  }
  if (addresses !== undefined && (!Array.isArray(addresses) || addresses.length === 0)) {
    throw refuse(index, "has addresses that are no list", 'Write addresses: ["10.20.0.0/16"], or leave it out for public ones.');
  }
  const policy = addresses === undefined ? publicAddresses() : onlyAddresses(addresses);
  if (scheme === "http" && !areLoopback(addresses ?? [])) {
    throw refuse(index, "contradicts itself: http beyond loopback", "Everybody on the way could read the value. Use https.");
  }
  if (rule.response === "status-only" && rule.redirects === "follow-without-value") {
    throw refuse(index, "contradicts itself: it follows a host that is not trusted", "Leave out `redirects` or `response`.");
  }
  return {
    origin,
    addresses: policy,
    statusOnly: oneOf(index, "response", rule.response, ["cleaned", "status-only"]) === "status-only",
    followsWithoutValue: oneOf(index, "redirects", rule.redirects, ["return", "follow-without-value"]) === "follow-without-value",
    keepsPlaceholdersInBody: oneOf(index, "placeholderInBody", rule.placeholderInBody, ["refuse", "keep"]) === "keep",
  };
}

function oneOf<T extends string>(index: number, name: string, value: T | undefined, known: readonly [T, ...T[]]): T {
  if (value === undefined) return known[0];
  if (!known.includes(value)) throw refuse(index, `has an unknown ${name}`, `Use ${known.join(" or ")}.`);
  return value;
}

function placeOf(index: number, { header, as, query, aws }: EgressRule): PreparedRule["place"] {
  const hint = "Give exactly one of header, query and aws.";
  if ([header, query, aws].filter((place) => place !== undefined).length !== 1) {
    throw refuse(index, "names no place for the value, or several", hint);
  }
  if (as !== undefined && header === undefined) throw refuse(index, "has `as` without a header", hint);
  if (header !== undefined) {
    const name = typeof header === "string" && headerName.test(header) ? header.toLowerCase() : "";
    if (name === "" || framing.test(name)) throw refuse(index, "names a header that cannot hold a value", hint);
    const fallback = name === "authorization" ? "bearer" : "raw";
    return { kind: "header", name, as: as === undefined ? fallback : oneOf(index, "as", as, ["raw", "bearer", "basic"]) };
  }
  if (query !== undefined) {
    if (typeof query !== "string" || query === "") throw refuse(index, "names no query parameter", hint);
    return { kind: "query", name: query };
  }
  const { service, region } = aws ?? {};
  const isName = (text: unknown): text is string => typeof text === "string" && /^[A-Za-z0-9-]+$/.test(text);
  if (!isName(service) || !isName(region)) {
    throw refuse(index, "names no AWS service or region", 'Write aws: { service: "s3", region: "eu-west-1" }.');
  }
  return { kind: "aws", service, region };
}

const isMethod = (method: unknown) => typeof method === "string" && headerName.test(method);

function prepare(rule: EgressRule, index: number): PreparedRule {
  if (typeof rule !== "object" || rule === null) throw refuse(index, "is no object", "A rule reads { reference, host, header }.");
  // A misspelt limit, such as `paths`, would be no limit.
  if (Object.keys(rule).some((key) => !Object.hasOwn(ruleKeys, key))) {
    throw refuse(index, "has a key that no rule has", `A rule may have ${Object.keys(ruleKeys).join(", ")}.`);
  }
  const { path = "/", methods } = rule;
  if (typeof path !== "string" || !path.startsWith("/") || /[?#\\\s]|(?:^|\/)\.\.?(?:\/|$)/.test(path)) {
    throw refuse(index, "has a path that is none", "It starts with / and has no query and no dot segments: /v1");
  }
  if (methods !== undefined && !(Array.isArray(methods) && methods.length > 0 && methods.every(isMethod))) {
    throw refuse(index, "has methods that are no list of methods", 'Write methods: ["GET"], or leave it out.');
  }
  return {
    reference: formatReference(parseReference(rule.reference)),
    policy: policyOf(index, rule, originOf(index, rule)),
    path: path.replace(/\/+$/, ""),
    methods: methods && new Set(methods.map((method) => method.toUpperCase())),
    place: placeOf(index, rule),
  };
}

const settings = (rule: EgressRule) =>
  JSON.stringify([
    rule.addresses ?? null,
    rule.response ?? "cleaned",
    rule.redirects ?? "return",
    rule.placeholderInBody ?? "refuse",
  ]);

/** Whether one header would be filled in two ways. */
function areContrary(one: PreparedRule["place"], other: PreparedRule["place"]): boolean {
  const headerOf = (place: PreparedRule["place"]) =>
    place.kind === "query" ? undefined : place.kind === "aws" ? "authorization" : place.name;
  const isSameHeader = headerOf(one) !== undefined && headerOf(one) === headerOf(other);
  return isSameHeader && JSON.stringify(one) !== JSON.stringify(other);
}

/** What holds for hosts without a rule, where they are talked to at all. */
export function unlistedPolicy(): OriginPolicy {
  const defaults = { statusOnly: false, followsWithoutValue: false, keepsPlaceholdersInBody: false };
  return { origin: "", addresses: publicAddresses(), ...defaults };
}

/** @throws SecretsError `invalid-argument` for a rule that is incomplete, or that contradicts itself or another one. */
export function ruleBook(allow: readonly EgressRule[]): RuleBook {
  if (!Array.isArray(allow)) {
    throw new SecretsError("invalid-argument", "allow is no list of rules", {
      hint: 'For example: allow: [{ reference: "aws://prod/openai#apiKey", host: "api.openai.com", header: "authorization" }]',
    });
  }
  const rules = allow.map(prepare);
  const policies = new Map<string, OriginPolicy>();
  const firsts = new Map<string, string>();
  for (const [index, { policy }] of rules.entries()) {
    const own = settings(allow[index] as EgressRule);
    const first = firsts.get(policy.origin) ?? own;
    if (first !== own) {
      throw refuse(
        index,
        "contradicts an earlier one for the same host",
        "addresses, response, redirects and placeholderInBody are the same in all rules of one host and port.",
      );
    }
    firsts.set(policy.origin, own);
    policies.set(policy.origin, policy);
  }
  for (const [index, { reference, policy, place }] of rules.entries()) {
    const clash = rules.slice(0, index).find((other) => {
      return other.reference === reference && other.policy.origin === policy.origin && areContrary(place, other.place);
    });
    if (clash) throw refuse(index, "contradicts an earlier one about how the value is put in", "Keep one of the two.");
  }
  return { rules, policies };
}

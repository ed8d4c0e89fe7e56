import { SecretsError } from "@keyhold/core";
import type { EgressRule } from "./egress-rule.ts";
import { argumentName } from "./literal-credential.ts";
import { type Fields, isFields } from "./tool-entries.ts";

/** Where in a request the value of one reference may stand. */
export type Place = Pick<EgressRule, "header" | "as" | "query">;

const wordsOf = (name: string) => name.replace(/[^A-Za-z]/g, "").toLowerCase();
const headerContainers = new Set(["headers", "header", "defaultheaders", "requestheaders", "httpheaders", "headerparameters"]);
const queryContainers = new Set(["query", "params", "queryparams", "queryparameters", "searchparams", "defaultquery"]);
const authContainers = new Set(["auth", "authentication", "authorization"]);
const tokenNames = new Set(["token", "bearertoken", "accesstoken"]);

const refuse = (what: string, hint: string): SecretsError => new SecretsError("invalid-argument", what, { hint });

/** How a header holds the reference: the text around it decides. */
function headerPlace(name: string, before: string, after: string): Place {
  if (after === "" && before === "") return { header: name, as: "raw" };
  if (after === "" && /^bearer\s+$/i.test(before)) return { header: name, as: "bearer" };
  throw refuse(
    "a header holds a reference alone, or after Bearer",
    'For Basic write "auth": { "type": "basic", "username": …, "password": … }.',
  );
}

/** What `auth` says, in the words of OpenAPI and of those who came close to it. */
function authPlace(auth: Fields, field: string): Place {
  const named = (name: string) => (typeof auth[name] === "string" ? wordsOf(auth[name]) : "");
  const kind = [named("type"), named("scheme")].find((word) => word !== "" && word !== "http") ?? "";
  if (/^(?:http)?basic(?:auth)?$/.test(kind) && /^(?:user(?:name)?|pass(?:word)?)$/.test(wordsOf(field))) {
    return { header: "authorization", as: "basic" };
  }
  const isValue = tokenNames.has(wordsOf(field)) || /^(?:value|key|apikey)$/.test(wordsOf(field));
  if (isValue && /^(?:http)?bearer(?:auth|token)?$/.test(kind)) return { header: "authorization", as: "bearer" };
  const name = [auth.name, auth.headerName, auth.header, auth.paramName].find((one) => typeof one === "string") as
    | string
    | undefined;
  if (isValue && name !== undefined && /^(?:apikey|header(?:auth)?|query(?:auth)?)$/.test(kind)) {
    const where = kind.startsWith("query") ? "query" : named("in");
    if (where === "query") return { query: name };
    if (where === "header" || where === "") return { header: name, as: "raw" };
  }
  throw refuse(
    "auth does not say where the value goes",
    'Write { "type": "bearer", "token": … }, { "type": "basic", "username": …, "password": … } or { "type": "apiKey", "in": "header", "name": …, "value": … }.',
  );
}

/** Where a string stands: its keys from the tool down, and what each of them leads to. */
export interface Spot {
  readonly keys: readonly string[];
  /** The object or list that holds each key. */
  readonly holders: readonly unknown[];
}

/** The name that a value has in its container, be that `{ name: value }` or `[{ name, value }]`; and the container's own. */
function named({ keys, holders }: Spot): { readonly name: string; readonly container: string; readonly holder: unknown } {
  const last = keys.length - 1;
  const holder = holders[last];
  const isListed = keys[last] === "value" && Array.isArray(holders[last - 1]) && isFields(holder);
  const sibling = isListed ? ((holder as Fields).name ?? (holder as Fields).key) : undefined;
  const name = typeof sibling === "string" ? sibling : (keys[last] as string);
  const above = keys.slice(0, isListed ? last - 1 : last).map(wordsOf);
  const container = above.at(-1) === "parameters" && above.length > 1 ? (above.at(-2) as string) : (above.at(-1) ?? "");
  return { name, container, holder };
}

/** The name that a value goes by: its key, or what stands beside it. */
export function valueName(spot: Spot): string {
  const holder = spot.holders.at(-1);
  if (Array.isArray(holder)) return argumentName(holder, Number(spot.keys.at(-1)));
  return spot.keys.length === 0 ? "" : named(spot).name;
}

/** Whether the string is one of the tool's variables, and which. */
export function variableName(spot: Spot): string | undefined {
  const { name, container } = named(spot);
  return container === "env" || container === "environment" ? name : undefined;
}

/** A key that the tool itself has, and how it is sent. */
function ownKey({ keys }: Spot): Place[] | undefined {
  const name = keys.length === 1 ? wordsOf(keys[0] as string) : "";
  if (tokenNames.has(name)) return [{ header: "authorization", as: "bearer" }];
  if (name !== "apikey") return undefined;
  // What an SDK is made with: it chooses between the two.
  return [
    { header: "authorization", as: "bearer" },
    { header: "x-api-key", as: "raw" },
  ];
}

/** Whether a request takes values from where this string stands. */
export function isPlace(spot: Spot): boolean {
  const { container } = named(spot);
  return (
    ownKey(spot) !== undefined ||
    headerContainers.has(container) ||
    queryContainers.has(container) ||
    authContainers.has(container)
  );
}

/**
 * The places of a request that a reference is bound to by where it stands, with the text before and after it.
 *
 * @throws SecretsError `invalid-argument` where no request takes a value from.
 */
export function placesOf(spot: Spot, before: string, after: string): Place[] {
  const { name, container, holder } = named(spot);
  const isNamed = isFields(holder);
  if (isNamed && headerContainers.has(container)) return [headerPlace(name, before, after)];
  const inUrl = /^https?:\/\/[^?#]*\?(?:[^#]*&)?([^=&#]+)=$/i.exec(before)?.[1];
  if (inUrl !== undefined && /^(?:[&#]|$)/.test(after)) return [{ query: inUrl }];
  if (isNamed && before === "" && after === "") {
    if (queryContainers.has(container)) return [{ query: name }];
    if (authContainers.has(container)) return [authPlace(holder, name)];
    const places = ownKey(spot);
    if (places) return places;
  }
  throw refuse(
    "a reference stands where no request takes a value from",
    "A value goes into a header, a query parameter, or what auth says; never into a host, a path or a body. A program gets it by keyhold run or keyhold mcp run.",
  );
}

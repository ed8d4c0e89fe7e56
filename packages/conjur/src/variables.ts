import { type CallContext, type Locator, SecretsError } from "@keyhold/core";
import { segment } from "./auth.ts";
import { notConjur, type Operation } from "./conjur-error.ts";
import type { Transport } from "./transport.ts";

/** A variable as Conjur shows it: everything but values. */
export interface Variable {
  readonly path: string;
  readonly createdAt: number | undefined;
  /** Newest first. None: declared, and no value yet, or made by Conjur at each read. */
  readonly versions: readonly VariableVersion[];
  /** Its annotations. */
  readonly labels: Readonly<Record<string, string>> | undefined;
}

export interface VariableVersion {
  readonly version: string;
  readonly expiresAt: number | undefined;
}

/** The parts of Conjur's own shape that are read. */
interface Shown {
  readonly id?: unknown;
  readonly created_at?: unknown;
  readonly annotations?: readonly { readonly name: string; readonly value: string }[];
  readonly secrets?: readonly { readonly version?: unknown; readonly expires_at?: unknown }[];
}

/** Where the parts of one variable lie. */
export function variablePath(collection: "resources" | "secrets", { account }: Transport, path: string): string {
  // Proxies resolve dot segments, also encoded ones, so such an id could reach another variable.
  if (path.split("/").some((part) => part === "." || part === "..")) {
    throw new SecretsError("invalid-argument", "a segment of the variable's id is . or ..", {
      provider: "conjur",
      hint: "Write the id as the policy has it, from the root policy down.",
    });
  }
  return `/${collection}/${segment(account)}/variable/${segment(path)}`;
}

/** The whole id of a variable: ACCOUNT:variable:ID. */
export const fullId = ({ account }: Transport, path: string): string => `${account}:variable:${path}`;

const time = (text: unknown): number | undefined => {
  const at = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
};

const notVariable = () => notConjur("Conjur's answer is no variable");

function variableOf(shown: Shown | null, transport: Transport): Variable {
  const prefix = fullId(transport, "");
  if (typeof shown?.id !== "string" || !shown.id.startsWith(prefix) || !Array.isArray(shown.secrets)) throw notVariable();
  const versions = shown.secrets.map(({ version, expires_at: expiry }) => {
    if (!Number.isSafeInteger(version)) throw notVariable();
    return { version: version as number, expiresAt: time(expiry) };
  });
  const labels = Array.isArray(shown.annotations) ? shown.annotations.map(({ name, value }) => [name, value]) : [];
  return {
    path: shown.id.slice(prefix.length),
    createdAt: time(shown.created_at),
    versions: versions
      .sort((a, b) => b.version - a.version)
      .map(({ version, expiresAt }) => ({ version: String(version), expiresAt })),
    labels: labels.length === 0 ? undefined : Object.fromEntries(labels),
  };
}

/** @throws SecretsError `not-found` where there is none, or none that this role may see. */
export async function showVariable(
  transport: Transport,
  path: string,
  context: CallContext,
  operation: Operation = "read",
): Promise<Variable> {
  const response = await transport.send(operation, { path: variablePath("resources", transport, path) }, context);
  return variableOf(response.json() as Shown | null, transport);
}

export interface VariablePage {
  readonly variables: readonly Variable[];
  readonly isLast: boolean;
}

/**
 * Words that narrow a list by Conjur's own search, which knows whole words alone. So only plain leading segments are taken. The kind is
 * a word of every variable: a search for nothing but stop words, such as `it/`, would otherwise find nothing.
 */
function searchFor(prefix: string): string | undefined {
  const folders = /^(?:[A-Za-z0-9]+\/)+/.exec(prefix)?.[0];
  return folders === undefined ? undefined : `variable ${folders.slice(0, -1).replaceAll("/", " ")}`;
}

/** A page of the variables that this role sees, those of other prefixes partly left out, in the order of ids. */
export async function listVariables(
  transport: Transport,
  { prefix, offset, limit }: { readonly prefix: string; readonly offset: number; readonly limit: number },
  context: CallContext,
): Promise<VariablePage> {
  const query = { limit, offset, search: searchFor(prefix) };
  const response = await transport.send("list", { path: `/resources/${segment(transport.account)}/variable`, query }, context);
  const shown = response.json();
  if (!Array.isArray(shown)) throw notVariable();
  return { variables: shown.map((one) => variableOf(one, transport)), isLast: shown.length < limit };
}

/**
 * The bytes of one version, or of the newest. Any bytes are a value, and so would be the page of a proxy that wants somebody to sign in:
 * a web page counts only where the policy says that the variable holds one.
 */
export async function fetchValue(
  transport: Transport,
  { path, version }: Pick<Locator, "path" | "version">,
  context: CallContext,
): Promise<Uint8Array> {
  const request = { path: variablePath("secrets", transport, path), query: { version } };
  const response = await transport.send("read", request, context);
  if (/html/i.test(response.header("content-type") ?? "")) {
    const { labels } = await showVariable(transport, path, context);
    if (!/html/i.test(labels?.["conjur/mime_type"] ?? "")) {
      throw notConjur("a web page came in place of the value");
    }
  }
  return response.bytes();
}

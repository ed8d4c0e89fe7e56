import { SecretsError } from "@keyhold/core";
import type { EgressRule } from "./egress-rule.ts";
import { type Fields, isFields } from "./tool-entries.ts";

/** What the address of a tool says about where its secrets may go. */
export type ToolAddress = Pick<EgressRule, "host" | "scheme" | "port" | "path" | "methods">;

const addressNames = ["url", "baseUrl", "baseURL", "base_url", "serverUrl", "server_url", "endpoint"];
/** Where a tool's address and method may stand, besides the tool itself. */
const innerNames = ["parameters", "transport", "request"];

const refuse = (what: string, hint: string): SecretsError => new SecretsError("invalid-argument", what, { hint });

/** The path as far as it is fixed: `/v1/users/{id}` begins with `/v1/users`. */
function fixedPath(pathname: string): string {
  const segments = pathname.split("/");
  const open = segments.findIndex((segment) => /[{}$<>*]|%7b|%3c|%24|^:/i.test(segment));
  const fixed = (open === -1 ? segments : segments.slice(0, open)).join("/").replace(/\/+$/, "");
  return fixed === "" ? "/" : fixed;
}

/**
 * The host, path and methods that a tool's own configuration names; undefined where it names no address.
 *
 * @throws SecretsError `invalid-argument` for several addresses, or one that no secret could be bound to.
 */
export function toolAddress(config: Fields): ToolAddress | undefined {
  const levels = [config, ...innerNames.map((name) => config[name]).filter(isFields)];
  const servers = Array.isArray(config.servers) ? config.servers.filter(isFields) : [];
  const found = [
    ...levels.flatMap((level) => addressNames.map((name) => level[name])),
    ...servers.map((server) => server.url),
  ].filter((address) => typeof address === "string" && address !== "") as string[];
  const [address] = found;
  if (address === undefined) return undefined;
  if (new Set(found).size > 1)
    throw refuse("the tool names several addresses", "Make a tool for each, so that each secret has one host.");
  const authority = /^(https?):\/\/([^/?#]*)/i.exec(address);
  if (authority === null)
    throw refuse("the tool's address is no http or https URL", "Write it whole: https://api.example.com/v1");
  if (/[{}$<>*]/.test(authority[2] as string)) {
    throw refuse("the host of the tool's address is not a fixed one", "A secret is bound to one host: write it out.");
  }
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw refuse("the tool's address is no URL", "Write it whole: https://api.example.com/v1");
  }
  if (url.username !== "" || url.password !== "") {
    throw refuse("the tool's address names a user", "Write the host first; user and password are for auth, as references.");
  }
  const methods = levels.map((level) => level.method).filter((method) => method !== undefined && method !== "");
  if (!methods.every((method) => typeof method === "string")) {
    throw refuse("the tool's method is no text", 'Write "method": "GET", or leave it out for any.');
  }
  // The older transport of MCP names the address of its messages when it is connected.
  const isEvents = levels.some(({ type, transport }) => type === "sse" || transport === "sse");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    scheme: url.protocol === "https:" ? "https" : "http",
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(isEvents ? {} : { path: fixedPath(url.pathname) }),
    ...(methods.length === 0 ? {} : { methods }),
  };
}

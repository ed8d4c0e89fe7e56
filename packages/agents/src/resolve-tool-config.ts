import { isSecretsError, type Json, SecretsError } from "@keyhold/core";
import { type ProviderCheck, providerCheck, schemeOf } from "./config-text.ts";
import type { EgressRule } from "./egress-rule.ts";
import type { Grant, GrantOptions } from "./grant.ts";
import { isLiteralCredential } from "./literal-credential.ts";
import { type ReadTool, readTool } from "./read-tool.ts";
import { openSecretFetch, type SecretFetch, type SecretFetchOptions } from "./secret-fetch.ts";
import { problemAt, toolConfigError } from "./tool-config-problem.ts";
import { toolEntries } from "./tool-entries.ts";
import { valueName } from "./tool-place.ts";
import { createUsedValues } from "./used-values.ts";
import { visitJson } from "./visit-json.ts";

export interface ToolConfigOptions extends Omit<SecretFetchOptions, "allow"> {
  /**
   * Asked for each rule that follows from the config, with the tool's name: gives it back as it is, narrower, or with `addresses`;
   * or `undefined`, and the config is refused. Default: every rule as it is, so that who writes the config decides where values go.
   */
  readonly allow?: (rule: EgressRule, tool: string) => EgressRule | undefined;
  /** The limits of each tool's grant. */
  readonly grant?: Omit<GrantOptions, "references" | "tool">;
}

/** A tool, with a grant for its own secrets at its own address. */
export interface ResolvedTool extends Grant {
  readonly name: string;
  /** What stood in the config, with a placeholder for each reference. Safe to show to a model. */
  readonly config: { readonly [key: string]: Json };
}

export interface ResolvedTools {
  /** In the order of the config. */
  readonly tools: readonly ResolvedTool[];
  /** Ends the connections of all tools, and with them what is under way. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Every literal that looks like a credential, wherever it stands. */
function literalCredentials(config: unknown, check: ProviderCheck): SecretsError[] {
  const problems: SecretsError[] = [];
  visitJson(config, (text, spot) => {
    const scheme = schemeOf(text.replace(/^bearer\s+/i, ""));
    if (scheme !== undefined && check(scheme) === undefined) return text;
    if (
      isLiteralCredential(text, scheme === undefined ? valueName(spot) : "") ||
      spot.keys.some((key) => isLiteralCredential(key))
    ) {
      const hint =
        "Store it with a provider, write its reference here, such as aws://prod/search#apiKey, and have a new one issued: this one stood in a file. If it is none, leave the field out.";
      const error = new SecretsError("invalid-argument", "this looks like a credential, and not like a reference", { hint });
      problems.push(problemAt(spot.keys, error));
    }
    return text;
  });
  return problems;
}

/** The rules of a tool as they were allowed. */
function allowedRules({ entry, rules }: ReadTool, allow: ToolConfigOptions["allow"]): EgressRule[] {
  return rules.map((rule) => {
    const allowed = allow === undefined ? rule : allow(rule, entry.name);
    if (allowed) return allowed;
    throw new SecretsError("permission-denied", "allow refuses to bind this secret to the tool's address", {
      reference: rule.reference,
      hint: "Take the reference out of the tool, or let allow give its rule back.",
    });
  });
}

/**
 * Takes the usual JSON of tools, with references where credentials would stand, and binds each secret to the address of its tool and
 * the place where the reference stood. Nothing is read and nothing opened until a tool's `fetch` is called. `docs/agents.md` says
 * which shapes are understood.
 *
 * @throws SecretsError `invalid-argument` for a literal credential, by its path and never with its text; for a reference that cannot
 * be bound; for what holds no tools. `permission-denied` where `allow` refuses. Several at once are one error with `errors`.
 * @example
 * const { tools } = resolveToolConfig(JSON.parse(await readFile("tools.json", "utf8")), { secrets });
 * for (const { config, fetch } of tools) agent.add(httpTool(config, fetch));
 */
export function resolveToolConfig(config: unknown, options: ToolConfigOptions): ResolvedTools {
  const { allow, grant, ...rest } = options;
  const check = providerCheck(options.secrets);
  const literals = literalCredentials(config, check);
  if (literals.length > 0) throw toolConfigError(literals);
  const read = toolEntries(config).map((entry) => readTool(entry, check));
  const problems: SecretsError[] = [];
  // One for all: what one tool put into a request no other is told.
  const used = createUsedValues();
  const opened: SecretFetch[] = [];
  const tools = read.flatMap((tool): ResolvedTool[] => {
    problems.push(...tool.problems);
    if (tool.problems.length > 0) return [];
    try {
      const fetch = openSecretFetch({ ...rest, allow: allowedRules(tool, allow) }, used);
      opened.push(fetch);
      return [resolvedTool(tool, fetch.grant({ ...grant, tool: tool.entry.name, references: tool.references }))];
    } catch (error) {
      if (!isSecretsError(error)) throw error;
      problems.push(problemAt(tool.entry.path, error));
      return [];
    }
  });
  if (problems.length > 0) throw toolConfigError(problems);
  const close = async () => {
    await Promise.all(opened.map((fetch) => fetch.close()));
  };
  return Object.freeze({ tools: Object.freeze(tools), close, [Symbol.asyncDispose]: close });
}

function resolvedTool({ entry, config }: ReadTool, grant: Grant): ResolvedTool {
  const { fetch, revoke } = grant;
  return Object.freeze({
    name: entry.name,
    config: config((reference) => fetch.placeholder(reference)) as ResolvedTool["config"],
    fetch,
    get usesLeft() {
      return grant.usesLeft;
    },
    revoke,
    [Symbol.dispose]: revoke,
  });
}

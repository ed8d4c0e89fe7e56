import { isSecretsError, type Json, SecretsError } from "@keyhold/core";
import { type ConfigText, type ProviderCheck, parseConfigText, schemeOf } from "./config-text.ts";
import type { EgressRule } from "./egress-rule.ts";
import { isCredentialName } from "./literal-credential.ts";
import { type ToolAddress, toolAddress } from "./tool-address.ts";
import { problemAt } from "./tool-config-problem.ts";
import type { ToolEntry } from "./tool-entries.ts";
import { isPlace, type Place, placesOf, type Spot, valueName, variableName } from "./tool-place.ts";
import { visitJson } from "./visit-json.ts";

/** A tool whose configuration was read. */
export interface ReadTool {
  readonly entry: ToolEntry;
  readonly references: readonly string[];
  /** The rules that follow from where its references stand. */
  readonly rules: readonly EgressRule[];
  readonly problems: readonly SecretsError[];
  /** Its configuration, with what stands for each reference. */
  config(placeholderOf: (reference: string) => string): Json;
}

const refuse = (what: string, hint: string): SecretsError => new SecretsError("invalid-argument", what, { hint });

interface Binding {
  readonly reference: string;
  readonly place: Place;
}

/** The places that the references of one string are bound to. */
function bindingsOf({ parts }: ConfigText, spot: Spot): Binding[] {
  // What stands for another reference, so that each is looked at with what is around it.
  const texts = parts.map((part) => (typeof part === "string" ? part : "x"));
  return parts.flatMap((part, index) => {
    if (typeof part === "string") return [];
    const places = placesOf(spot, texts.slice(0, index).join(""), texts.slice(index + 1).join(""));
    return places.map((place) => ({ reference: part.reference, place }));
  });
}

function rulesOf(address: ToolAddress, bindings: readonly Binding[]): EgressRule[] {
  const rules = bindings.map(({ reference, place }): EgressRule => ({ reference, ...address, ...place }));
  const basics = new Set(bindings.filter(({ place }) => place.as === "basic").map(({ reference }) => reference));
  if (basics.size > 1) throw refuse("user and password are both references", "Basic takes one: write the user's name out.");
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()];
}

/** The variables of the tool that are references, by their names. What is wrong with one is told where it is read. */
function variablesOf({ config }: ToolEntry, check: ProviderCheck): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  visitJson(config, (text, spot) => {
    const name = variableName(spot);
    if (name === undefined) return text;
    try {
      const [part, ...more] = parseConfigText(text, check).parts;
      if (typeof part === "object" && more.length === 0) variables.set(name, part.reference);
    } catch (error) {
      if (!isSecretsError(error, "invalid-argument")) throw error;
    }
    return text;
  });
  return variables;
}

/** What stands for a reference and is none: its provider is not there. */
function missingProvider(text: string, check: ProviderCheck): SecretsError | undefined {
  const scheme = schemeOf(text);
  return scheme === undefined || /^(?:https?|wss?)$/i.test(scheme) ? undefined : check(scheme);
}

/** Reads one tool: finds its references, and what they are bound to. */
export function readTool(entry: ToolEntry, check: ProviderCheck): ReadTool {
  const problems: SecretsError[] = [];
  const attempt = <T>(keys: readonly string[], work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!isSecretsError(error)) throw error;
      problems.push(problemAt([...entry.path, ...keys], error));
      return undefined;
    }
  };

  const variables = variablesOf(entry, check);
  const read = new Map<string, ConfigText>();
  const bindings: Binding[] = [];
  const ofVariables: { readonly keys: readonly string[]; readonly reference: string }[] = [];
  visitJson(entry.config, (text, spot) => {
    attempt(spot.keys, () => {
      const isVariable = variableName(spot) !== undefined;
      const parsed = parseConfigText(text, check, variables);
      const references = parsed.parts.filter((part) => typeof part !== "string");
      const refusal = missingProvider(text, check);
      if (refusal && (isPlace(spot) || isVariable || isCredentialName(valueName(spot)))) throw refusal;
      if (isPlace(spot) && parsed.isUnresolved) {
        throw refuse("a variable that the tool's env does not hold", "Put the reference into its env, or here in its place.");
      }
      if (references.length === 0) return;
      read.set(JSON.stringify(spot.keys), parsed);
      if (!isVariable) bindings.push(...bindingsOf(parsed, spot));
      else ofVariables.push(...references.map(({ reference }) => ({ keys: spot.keys, reference })));
    });
    return text;
  });

  for (const { keys, reference } of ofVariables) {
    if (bindings.some((binding) => binding.reference === reference)) continue;
    attempt(keys, () => {
      throw refuse(
        "no header, query or auth of this tool uses the variable",
        `Use it there, as \${NAME}. A program that is started gets its variables by keyhold run or keyhold mcp run.`,
      );
    });
  }
  const rules = attempt([], () => {
    if (bindings.length === 0) return [];
    const address = toolAddress(entry.config);
    if (address === undefined) {
      throw refuse(
        "the tool names no address that its secrets could be bound to",
        'Give it "url": "https://api.example.com/v1".',
      );
    }
    return rulesOf(address, bindings);
  });

  const config: ReadTool["config"] = (placeholderOf) =>
    visitJson(entry.config, (text, spot) => {
      const parts = read.get(JSON.stringify(spot.keys))?.parts ?? [text];
      return parts.map((part) => (typeof part === "string" ? part : placeholderOf(part.reference))).join("");
    });
  return { entry, references: [...new Set(bindings.map(({ reference }) => reference))], rules: rules ?? [], problems, config };
}

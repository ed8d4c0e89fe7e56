import type { EgressRule } from "./egress-rule.ts";
import { type PreparedRule, ruleBook } from "./rule-book.ts";

/** A reference and where its value may go, as a model is told: names alone. */
export interface McpReference {
  readonly reference: string;
  readonly uses: readonly McpUse[];
}

interface McpUse {
  /** What the URL starts with. */
  readonly url: string;
  /** Left out: any. */
  readonly methods?: readonly string[];
  /** What to write where. */
  readonly write: string;
}

function toWrite({ reference, place }: PreparedRule): string {
  const value = `\${${reference}}`;
  if (place.kind === "query") return `query parameter ${place.name}=${value}`;
  if (place.kind === "aws") return `header authorization: ${value} (signs the request for ${place.service})`;
  const before = { raw: "", bearer: "Bearer ", basic: "Basic USER:" }[place.as];
  return `header ${place.name}: ${before}${value}`;
}

/** @throws SecretsError as `secretFetch` does for rules that are none. */
export function mcpReferences(allow: readonly EgressRule[]): readonly McpReference[] {
  const found = new Map<string, McpUse[]>();
  for (const rule of ruleBook(allow).rules) {
    const uses = found.get(rule.reference) ?? [];
    const methods = rule.methods && { methods: [...rule.methods] };
    uses.push({ url: `${rule.policy.origin}${rule.path}/`, ...methods, write: toWrite(rule) });
    found.set(rule.reference, uses);
  }
  return [...found].map(([reference, uses]) => ({ reference, uses }));
}

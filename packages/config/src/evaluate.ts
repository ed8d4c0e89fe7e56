import { isSecretsError, type SecretsError, type StandardResult, type StandardSchema } from "@keyhold/core";
import { type CheckedOutput, checkOutput } from "./check-output.ts";
import { coveredPaths } from "./covered-paths.ts";
import type { Plan } from "./plan.ts";
import { configError, problem } from "./problem.ts";
import { type Found, type Resolved, type ResolvedTree, resolve, toInput } from "./resolve.ts";
import { schemaProblems } from "./schema-problems.ts";
import { validate } from "./validate.ts";

export interface EvaluateOptions<Output> {
  readonly schema: StandardSchema<unknown, Output>;
  readonly plain?: readonly string[];
  readonly literals?: readonly string[];
  readonly checkProvider: (name: string) => void;
}

/** Makes the typed object from a plan and the secrets it asked for. @throws SecretsError with everything that is wrong. */
export async function evaluate<Output>(plan: Plan, found: Found, options: EvaluateOptions<Output>): Promise<Output> {
  const resolved = resolve(plan, found);
  const errors = [...plan.errors, ...resolved.errors];
  const result = await validate(options.schema, toInput(resolved.tree));
  // Where a field is missing, the schema may have thrown over that.
  if (result === undefined && errors.length === 0) errors.push(schemaThrew());
  const checked = result && check(result, resolved, options);
  errors.push(...(checked?.errors ?? []));
  if (errors.length > 0) throw configError(errors);
  return checked?.value as Output;
}

const schemaThrew = (): SecretsError =>
  problem(undefined, [], "invalid-argument", "the schema threw", {
    hint: "A transform or a refinement does not take what it got; secret() takes strings and bytes. What it said may quote a value.",
  });

function check(
  result: StandardResult<unknown>,
  resolved: Resolved,
  { plain, literals, checkProvider }: Omit<EvaluateOptions<unknown>, "schema">,
): CheckedOutput {
  const isLiteral = coveredPaths(literals);
  const allowedTexts = allowedLiterals(resolved.tree, isLiteral);
  try {
    if (result.issues) return { value: undefined, errors: schemaProblems(result.issues, resolved, allowedTexts) };
    const providersHint = (scheme: string) => hintFor(scheme, checkProvider);
    return checkOutput(result.value, resolved, { isPlain: coveredPaths(plain), isLiteral, allowedTexts, providersHint });
  } catch {
    // Getters and proxies throw what they like.
    const error = problem(undefined, [], "invalid-argument", "what the schema made cannot be read through", {
      hint: "Make plain objects and arrays, without getters that throw, not too deep and not too large.",
    });
    return { value: undefined, errors: [error] };
  }
}

/** The literals that may be credentials: from the environment, or at paths of `literals`. */
function allowedLiterals(tree: ResolvedTree, isLiteral: (path: readonly string[]) => boolean): ReadonlySet<string> {
  const texts = new Set<string>();
  const visit = (node: ResolvedTree, path: readonly string[]): void => {
    if (node.kind === "map") for (const [key, child] of node.entries) visit(child, [...path, key]);
    else if (node.kind === "list") for (const [index, child] of node.items.entries()) visit(child, [...path, String(index)]);
    else if (node.kind === "literal" && (node.fromEnvironment || isLiteral(path))) texts.add(String(node.value));
  };
  visit(tree, []);
  return texts;
}

/** The client's own words name the providers that there are. */
function hintFor(scheme: string, checkProvider: (name: string) => void): string {
  const otherwise = "If it is the value itself, list this path in `literals`.";
  try {
    checkProvider(scheme);
  } catch (error) {
    if (isSecretsError(error) && error.hint) return `${error.hint} ${otherwise}`;
  }
  return otherwise;
}

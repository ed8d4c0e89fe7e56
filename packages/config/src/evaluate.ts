import { isSecretsError, type StandardIssue, type StandardResult, type StandardSchema } from "@keyhold/core";
import { checkOutput } from "./check-output.ts";
import { coveredPaths } from "./covered-paths.ts";
import type { Plan } from "./plan.ts";
import { configError, problem } from "./problem.ts";
import { type Found, type ResolvedTree, resolve, toInput } from "./resolve.ts";
import { schemaProblems } from "./schema-problems.ts";

export interface EvaluateOptions<Output> {
  readonly schema: StandardSchema<unknown, Output>;
  readonly plain?: readonly string[] | undefined;
  readonly literals?: readonly string[] | undefined;
  readonly checkProvider: (name: string) => void;
}

/** Makes the typed object from a plan and the secrets it asked for. @throws SecretsError with everything that is wrong. */
export async function evaluate<Output>(plan: Plan, found: Found, options: EvaluateOptions<Output>): Promise<Output> {
  const resolved = resolve(plan, found);
  const errors = [...plan.errors, ...resolved.errors];
  const isLiteral = coveredPaths(options.literals);
  const allowedTexts = allowedLiterals(resolved.tree, isLiteral);
  const result = await validate(options.schema, toInput(resolved.tree));
  if (result === undefined) {
    // A field that is missing already may be what the schema threw over.
    if (errors.length === 0) errors.push(thrown());
  } else if (result.issues) {
    errors.push(...schemaProblems(result.issues, resolved, allowedTexts));
    if (errors.length === 0) errors.push(problem(undefined, [], "invalid-argument", "it does not fit the schema"));
  } else {
    const rules = {
      isPlain: coveredPaths(options.plain),
      isLiteral,
      allowedTexts,
      providersHint: hintFrom(options.checkProvider),
    };
    const checked = checkedOutput(() => checkOutput(result.value, resolved, rules));
    if (errors.length + checked.errors.length === 0) return checked.value as Output;
    errors.push(...checked.errors);
  }
  throw configError(errors);
}

/** Validates. What a transform throws may quote a value, and all libraries let it through: it is dropped. */
async function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  input: unknown,
): Promise<StandardResult<Output> | undefined> {
  try {
    if (!isZod(schema)) return await schema["~standard"].validate(input);
    const parsed = await schema.safeParseAsync(input);
    return parsed.success ? { value: parsed.data } : { issues: parsed.error.issues };
  } catch {
    return undefined;
  }
}

/**
 * Zod's own `validate` tries synchronously first, and abandons the promises of asynchronous refinements: when one rejects, the
 * process ends with an unhandled rejection that may quote the value. This method of all its schemas does not.
 */
interface ZodSchema<Output> {
  safeParseAsync(
    input: unknown,
  ): Promise<{ success: true; data: Output } | { success: false; error: { issues: readonly StandardIssue[] } }>;
}

function isZod<Output>(schema: StandardSchema<unknown, Output>): schema is StandardSchema<unknown, Output> & ZodSchema<Output> {
  return schema["~standard"].vendor === "zod" && typeof (schema as Partial<ZodSchema<Output>>).safeParseAsync === "function";
}

const thrown = () =>
  problem(undefined, [], "invalid-argument", "the schema threw", {
    hint: "A transform or a refinement does not take what it got; secret() takes strings and bytes. What it said may quote a value.",
  });

/** The output may hold getters and proxies that throw. */
function checkedOutput(check: () => ReturnType<typeof checkOutput>): ReturnType<typeof checkOutput> {
  try {
    return check();
  } catch {
    const error = problem(undefined, [], "invalid-argument", "what the schema made cannot be read through", {
      hint: "Make plain objects and arrays, without getters that throw, and not too deep.",
    });
    return { value: undefined, errors: [error] };
  }
}

/** The literals that may be credentials. */
function allowedLiterals(tree: ResolvedTree, isLiteral: (path: readonly string[]) => boolean): ReadonlySet<string> {
  const texts = new Set<string>();
  const visit = (node: ResolvedTree, path: readonly string[]): void => {
    if (node.kind === "map") for (const [key, child] of node.entries) visit(child, [...path, key]);
    else if (node.kind === "list") node.items.forEach((child, index) => void visit(child, [...path, String(index)]));
    else if (node.kind === "literal" && (node.fromEnvironment || isLiteral(path))) texts.add(String(node.value));
  };
  visit(tree, []);
  return texts;
}

function hintFrom(checkProvider: (name: string) => void): (scheme: string) => string {
  return (scheme) => {
    try {
      checkProvider(scheme);
    } catch (error) {
      if (isSecretsError(error) && error.hint) return `${error.hint} If it is the value itself, list this path in \`literals\`.`;
    }
    return "Check the name before ://. If it is the value itself, list this path in `literals`.";
  };
}

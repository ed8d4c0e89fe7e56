import type { CheckedReferences, SecretsFor } from "@keyhold/core";
import { invocationSecrets } from "./invocation-secrets.ts";
import type { LambdaContext, LambdaOptions, LambdaReferences } from "./lambda-options.ts";

/**
 * A Lambda handler that gets its secrets: an array or record of references in, the same shape as the third argument of `handler`.
 *
 * - They are read as soon as this is called, which is while the runtime initialises, and held between invocations.
 * - Each invocation begins with values no older than `maxAgeMs`; after a thaw all that is too old is read in one call.
 * - While AWS does not answer, older values serve for as long as the client holds them.
 * - What cannot be read fails the invocation with a `SecretsError`, within the function's timeout, and the sandbox lives on. It never
 *   fails the init phase.
 *
 * @throws SecretsError never when it is called; from each invocation, the codes that `getMany` gives.
 * @example
 * export const handler = withSecrets({ apiKey: "aws://prod/openai#apiKey" }, async (event, context, { apiKey }) => {
 *   return ask(event, apiKey.text());
 * });
 */
export function withSecrets<
  const R extends LambdaReferences,
  Event,
  Result,
  Context extends LambdaContext = LambdaContext,
  N extends string = "aws",
>(
  references: CheckedReferences<R, N>,
  handler: (event: Event, context: Context, secrets: SecretsFor<R>) => Result | Promise<Result>,
  options: LambdaOptions<N> = {},
): (event: Event, context: Context) => Promise<Result> {
  const secretsOf = invocationSecrets<R, N>(references as unknown as R, options);
  // Two parameters: the runtime refuses a handler with a third, which would be a callback.
  return async (event, context) => handler(event, context, await secretsOf(context));
}

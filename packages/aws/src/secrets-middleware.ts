import type { CheckedReferences, SecretsFor } from "@keyhold/core";
import { invocationSecrets } from "./invocation-secrets.ts";
import type { LambdaContext, LambdaOptions, LambdaReferences } from "./lambda-options.ts";

/** The context as middy's types have it, which are those of `@types/aws-lambda`. */
interface MiddyContext<S> extends LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  done(error?: Error, result?: unknown): void;
  fail(error: Error | string): void;
  succeed(message: unknown, result?: unknown): void;
  secrets: S;
}

/** What middy's `use` takes. */
export interface SecretsMiddleware<S> {
  readonly before: (request: { readonly context: MiddyContext<S> }) => Promise<void>;
}

/**
 * `withSecrets` as a middleware of middy: the secrets are in `context.secrets`.
 *
 * @throws SecretsError never when it is called; from each invocation, the codes that `getMany` gives.
 * @example
 * export const handler = middy<SQSEvent>()
 *   .use(secretsMiddleware({ apiKey: "aws://prod/openai#apiKey" }))
 *   .handler(async (event, { secrets }) => ask(event, secrets.apiKey.text()));
 */
export function secretsMiddleware<const R extends LambdaReferences, N extends string = "aws">(
  references: CheckedReferences<R, N>,
  options: LambdaOptions<N> = {},
): SecretsMiddleware<SecretsFor<R>> {
  const secretsOf = invocationSecrets<R, N>(references as unknown as R, options);
  return {
    async before(request) {
      request.context.secrets = await secretsOf(request.context);
    },
  };
}

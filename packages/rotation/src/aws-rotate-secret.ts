import { type BackendRotator, callContext, type Provider, parseReference, SecretsError } from "@keyhold/core";

/** What is used of the provider of `@keyhold/aws`. */
export interface RotatesSecrets extends Provider {
  rotateSecret(
    path: string,
    rotation: { readonly lambdaArn?: string },
    context: ReturnType<typeof callContext>,
  ): Promise<{ readonly version: string }>;
}

export interface AwsRotateSecretOptions {
  readonly provider: RotatesSecrets;
  /** The rotation function, for a secret that has none yet. */
  readonly lambdaArn?: string;
}

/** How often it is asked whether AWS is done. A rotation function takes some seconds. */
const pollMs = 500;

/**
 * AWS's own rotation: starts it and waits until its new version is current.
 *
 * @example
 * await secrets.rotate("aws://prod/db", awsRotateSecret({ provider }));
 */
export function awsRotateSecret({ provider, lambdaArn }: AwsRotateSecretOptions): BackendRotator {
  return {
    kind: "aws-rotate-secret",
    async rotate({ reference, signal }) {
      const { path } = parseReference(reference);
      const context = callContext({ deadlineMs: Number.POSITIVE_INFINITY, signal });
      const { version } = await provider.rotateSecret(path, lambdaArn === undefined ? {} : { lambdaArn }, context);
      while ((await provider.probe!({ path }, context)).version !== version) {
        await new Promise<void>((resolve) => {
          context.clock.setTimer(resolve, pollMs, { keepAlive: true });
        });
        if (signal.aborted) throw new SecretsError("timeout", "AWS has not ended this rotation yet");
      }
    },
  };
}

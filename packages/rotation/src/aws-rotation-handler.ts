import {
  type CallContext,
  callContext,
  formatReference,
  isSecretsError,
  type PendingStage,
  type Provider,
  putContent,
  type RotationStep,
  type Rotator,
  runRotatorStep,
  type Secret,
  SecretsError,
  secret,
} from "@keyhold/core";

export interface AwsRotationHandlerOptions {
  /** The secret's provider: `aws()` of `@keyhold/aws/lean`, which takes what the function's environment says. */
  readonly provider: Provider;
}

/** What Secrets Manager calls the function with: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html. */
export interface AwsRotationEvent {
  readonly Step: string;
  readonly SecretId: string;
  readonly ClientRequestToken: string;
}

type Stepped = Provider & { readonly pending: PendingStage };

/**
 * A rotator as a Lambda rotation function: four steps, each of which may be called again and comes to the same. The function needs
 * `secretsmanager:DescribeSecret`, `GetSecretValue`, `PutSecretValue` and `UpdateSecretVersionStage`.
 *
 * @throws SecretsError `unsupported` for another provider; from the function: `conflict` for a version that is not the pending one, `invalid-argument` for another event.
 * @example
 * const provider = aws();
 * const secrets = createSecrets({ providers: { aws: provider } });
 * export const handler = awsRotationHandler(postgres({ admin: () => secrets.get("aws://prod/db-admin") }), { provider });
 */
export function awsRotationHandler(
  rotator: Rotator,
  { provider }: AwsRotationHandlerOptions,
): (event: AwsRotationEvent, lambda?: { getRemainingTimeInMillis(): number }) => Promise<void> {
  if (!isStepped(provider))
    throw new SecretsError("unsupported", `the ${provider.kind} provider has no stage for what is pending`);
  return async (event, lambda) => {
    const { Step, SecretId: path, ClientRequestToken: token } = event ?? {};
    if (typeof Step !== "string" || typeof path !== "string" || typeof token !== "string") {
      throw new SecretsError("invalid-argument", "this is no event of a rotation", {
        hint: "Secrets Manager sends Step, SecretId and ClientRequestToken.",
      });
    }
    const context = callContext({ deadlineMs: Math.max(1, (lambda?.getRemainingTimeInMillis() ?? 60_000) - 500) });
    await runStep({ rotator, provider, path, token, context }, Step);
  };
}

const isStepped = (provider: Provider): provider is Stepped => provider.pending !== undefined;

interface Work {
  readonly rotator: Rotator;
  readonly provider: Stepped;
  readonly path: string;
  readonly token: string;
  readonly context: CallContext;
}

async function runStep(work: Work, name: string): Promise<void> {
  const { rotator, provider, path, token, context } = work;
  const stages = provider.pending;
  const state = await stages.state(path, context);
  const isCurrent = state.current === token;
  if (!isCurrent && state.pending !== token) throw notPending();
  const read = async (version: string): Promise<Secret> => {
    const { content } = await provider.read({ path, version }, context);
    return secret(content.kind === "opaque" ? content.value : JSON.stringify(content.fields));
  };
  const current = await read(isCurrent ? (state.previous ?? state.current) : state.current);
  const step: RotationStep = {
    reference: formatReference({ provider: "aws", path }),
    rotationId: token,
    current,
    signal: context.signal,
    async confirm() {
      if ((await stages.state(path, context)).pending !== token) throw notPending();
    },
  };
  const run = (method: "set" | "test" | "finish", pending: Secret) =>
    runRotatorStep(rotator, method, () => rotator[method]?.(pending, step));

  switch (name) {
    case "createSecret": {
      const there = await read(token).catch(orNothing);
      if (there !== undefined) return;
      const made = await runRotatorStep(rotator, "create", () => rotator.create(step));
      // Somebody else was first with the same token: then that is the pending value.
      await stages.add(path, putContent(made, provider.features), token, context).catch(unlessConflict);
      return;
    }
    case "setSecret":
      if (!isCurrent) await run("set", await read(token));
      return;
    case "testSecret": {
      const pending = await read(token).catch(orNothing);
      // A schedule without an immediate rotation is tried by this step alone.
      if (pending === undefined) await runRotatorStep(rotator, "check", () => rotator.check?.(step));
      else await run("test", pending);
      return;
    }
    case "finishSecret": {
      const pending = await read(token);
      if (!isCurrent) await stages.promote(path, { from: state.current, to: token }, context);
      await run("finish", pending);
      await stages.clear(path, token, context);
      return;
    }
    default:
      throw new SecretsError("invalid-argument", "this step is none of a rotation's four");
  }
}

const notPending = () =>
  new SecretsError("conflict", "the version of this event is not the pending one", {
    hint: "A later rotation has taken its place, or it was finished and written over since.",
  });

const orNothing = (error: unknown) => (isSecretsError(error, "not-found") ? undefined : Promise.reject(error));
const unlessConflict = (error: unknown) => (isSecretsError(error, "conflict") ? undefined : Promise.reject(error));

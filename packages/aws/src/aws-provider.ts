import {
  type CallContext,
  type Features,
  isSecretsError,
  type Locator,
  type Provider,
  type SecretSummary,
  SecretsError,
  throwIfEnded,
} from "@keyhold/core";
import type { AwsOptions } from "./aws-options.ts";
import { changedPaths } from "./changed-paths.ts";
import { check } from "./check.ts";
import { pendingStage } from "./pending-stage.ts";
import { batchReader } from "./read-batch.ts";
import { currentStage, toRecord, versionAt, versionOf } from "./to-record.ts";
import type { ListAnswer, SecretDescription, SecretValue, Transport, VersionsAnswer } from "./transport.ts";
import { writeSecret } from "./write-secret.ts";

/** AWS Secrets Manager, with what only AWS has. */
export interface AwsProvider extends Provider {
  /** Brings back a secret that `remove` has scheduled for deletion. @throws SecretsError `not-found`. */
  restore(path: string, context: CallContext): Promise<void>;
  /** Moves a stage such as AWSCURRENT to a version; with `from`, only if it lies there. @throws SecretsError `conflict`. */
  moveStage(
    path: string,
    move: { readonly stage: string; readonly to: string; readonly from?: string },
    context: CallContext,
  ): Promise<void>;
  /** Starts AWS's own rotation, which runs its rotation function. Gives the version that will become current. */
  rotateSecret(
    path: string,
    rotation: { readonly lambdaArn?: string },
    context: CallContext,
  ): Promise<{ readonly version: string }>;
}

const features: Features = { versions: true, stages: true, binary: true, leases: false, compareAndSet: true };

/** AWS says "marked for deletion" or "scheduled for deletion" by an InvalidRequestException: for a reader, that secret is gone. */
const goneUntilRestored = (error: unknown) =>
  isSecretsError(error, "conflict")
    ? new SecretsError("not-found", "the secret is scheduled for deletion", {
        provider: "aws",
        hint: "restore() brings it back.",
      })
    : error;

/** The provider over any transport. */
export function awsProvider(transport: Transport, options: AwsOptions): AwsProvider {
  const { recoveryWindowInDays = 30, kmsKeyId } = options;
  if (recoveryWindowInDays !== 0 && !(recoveryWindowInDays >= 7 && recoveryWindowInDays <= 30)) {
    throw new SecretsError("invalid-argument", "recoveryWindowInDays is 0, or 7 to 30");
  }

  async function readOne(locator: Locator, context: CallContext) {
    try {
      return toRecord(
        await transport.call<SecretValue>("GetSecretValue", { SecretId: locator.path, ...versionOf(locator) }, context),
      );
    } catch (error) {
      throw goneUntilRestored(error);
    }
  }

  const readBatch = batchReader(transport);

  const describe = (path: string, context: CallContext) =>
    transport.call<SecretDescription>("DescribeSecret", { SecretId: path }, context);

  return {
    kind: "aws",
    features,
    pending: pendingStage(transport),

    read: readOne,

    readMany: (locators, context) => readBatch(locators, context, (locator) => readOne(locator, context)),

    async probe(locator, context) {
      const description = await describe(locator.path, context);
      const version = locator.version ?? versionAt(description, locator.stage ?? currentStage);
      const known = version !== undefined && Object.hasOwn(description.VersionIdsToStages ?? {}, version);
      if (description.DeletedDate !== undefined || !known)
        throw new SecretsError("not-found", "there is no such version", { provider: "aws" });
      return { version };
    },

    write: (locator, content, write, context) => writeSecret({ transport, kmsKeyId }, locator, content, write, context),

    async remove(locator, { ifVersion }, context) {
      if (locator.version !== undefined || locator.stage !== undefined || ifVersion !== undefined) {
        throw new SecretsError("unsupported", "AWS Secrets Manager removes whole secrets, unconditionally", {
          provider: "aws",
          hint: "A version without a stage is deleted by AWS itself: move its stages away with moveStage().",
        });
      }
      // With ForceDeleteWithoutRecovery AWS answers success for a secret that is not there, so it is looked up first.
      const { DeletedDate } = await describe(locator.path, context);
      if (DeletedDate !== undefined) throw goneUntilRestored(new SecretsError("conflict", ""));
      const how =
        recoveryWindowInDays === 0 ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: recoveryWindowInDays };
      await transport.call("DeleteSecret", { SecretId: locator.path, ...how }, context);
    },

    async list({ prefix, cursor }, context) {
      throwIfEnded(context);
      // AWS refuses a filter that no name can match.
      if (!/^[\w/+=.@!:-]*$/.test(prefix)) return { items: [] };
      const filters = prefix === "" ? {} : { Filters: [{ Key: "name", Values: [prefix] }] };
      const page = { MaxResults: 100, ...(cursor === undefined ? {} : { NextToken: cursor }) };
      const { SecretList = [], NextToken } = await transport.call<ListAnswer>("ListSecrets", { ...filters, ...page }, context);
      // AWS's filter also finds the prefix at the start of later words.
      return { items: SecretList.filter(({ Name }) => Name.startsWith(prefix)).map(summary), next: NextToken };
    },

    async versions(path, _query, context) {
      const versions: NonNullable<VersionsAnswer["Versions"]>[number][] = [];
      let token: string | undefined;
      // AWS gives them in no order, so a page of ours is all of them: about a hundred at the most.
      do {
        const more = token === undefined ? {} : { NextToken: token };
        const page = { SecretId: path, MaxResults: 100, IncludeDeprecated: true, ...more };
        const { Versions = [], NextToken } = await transport.call<VersionsAnswer>("ListSecretVersionIds", page, context);
        versions.push(...Versions);
        token = NextToken;
      } while (token !== undefined);
      const items = versions
        .map(({ VersionId, VersionStages = [], CreatedDate }) => ({
          version: VersionId,
          state: "enabled" as const,
          createdAt: CreatedDate?.getTime(),
          stages: VersionStages,
        }))
        .sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0) || rank(a.stages) - rank(b.stages));
      return { items };
    },

    changedPaths: (event) => changedPaths(event, options.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION),

    check: (context) => check(transport, options, context),

    async restore(path, context) {
      await transport.call("RestoreSecret", { SecretId: path }, context);
    },

    async moveStage(path, { stage, to, from }, context) {
      const holder = from ?? versionAt(await describe(path, context), stage);
      const remove = holder === undefined || holder === to ? {} : { RemoveFromVersionId: holder };
      try {
        await transport.call(
          "UpdateSecretVersionStage",
          { SecretId: path, VersionStage: stage, MoveToVersionId: to, ...remove },
          context,
        );
      } catch (error) {
        if (from === undefined || !isSecretsError(error, "invalid-argument")) throw error;
        throw new SecretsError("conflict", "the stage lies at another version by now", { provider: "aws" });
      }
    },

    async rotateSecret(path, { lambdaArn }, context) {
      const { randomUUID } = process.getBuiltinModule("node:crypto");
      const token = randomUUID();
      const rotation = lambdaArn === undefined ? {} : { RotationLambdaARN: lambdaArn };
      const { VersionId } = await transport.call<{ VersionId?: string }>(
        "RotateSecret",
        { SecretId: path, ClientRequestToken: token, RotateImmediately: true, ...rotation },
        context,
      );
      return { version: VersionId ?? token };
    },

    async close() {
      transport.close();
    },
  };
}

/** Versions of one second keep the order of their stages: current, then previous, then the rest. */
function rank(stages: readonly string[]): number {
  if (stages.includes(currentStage)) return 0;
  return stages.includes("AWSPREVIOUS") ? 1 : 2;
}

function summary(description: SecretDescription): SecretSummary {
  const { Name, CreatedDate, LastChangedDate, Tags } = description;
  return {
    path: Name,
    version: versionAt(description, currentStage),
    createdAt: CreatedDate?.getTime(),
    updatedAt: LastChangedDate?.getTime(),
    ...(Tags ? { labels: Object.fromEntries(Tags.map(({ Key, Value }) => [Key, Value])) } : {}),
  };
}

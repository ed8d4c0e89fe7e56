import { isSecretsError, type PendingStage, SecretsError } from "@keyhold/core";
import { currentStage, versionAt } from "./to-record.ts";
import type { SecretDescription, Transport } from "./transport.ts";
import { valueMember } from "./write-secret.ts";

const stage = "AWSPENDING";

/**
 * AWS's own place for what waits: https://docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html#term_version.
 * One id has one content for ever, and a stage moves only from where it is said to lie: that keeps two rotations apart.
 */
export function pendingStage(transport: Transport): PendingStage {
  return {
    stage,

    async state(path, context) {
      const description = await transport.call<SecretDescription>("DescribeSecret", { SecretId: path }, context);
      const current = versionAt(description, currentStage);
      if (description.DeletedDate !== undefined || current === undefined) {
        throw new SecretsError("not-found", "no version of this secret is current", {
          provider: "aws",
          hint: "Put the first value; a rotation replaces one.",
        });
      }
      const [pending, previous] = [versionAt(description, stage), versionAt(description, "AWSPREVIOUS")];
      return { current, ...(pending === undefined ? {} : { pending }), ...(previous === undefined ? {} : { previous }) };
    },

    async add(path, content, id, context) {
      const input = { SecretId: path, ClientRequestToken: id, ...valueMember(content), VersionStages: [stage] };
      await transport.call("PutSecretValue", input, context);
    },

    async promote(path, { from, to }, context) {
      const move = { SecretId: path, VersionStage: currentStage, MoveToVersionId: to, RemoveFromVersionId: from };
      try {
        await transport.call("UpdateSecretVersionStage", move, context);
      } catch (error) {
        if (!isSecretsError(error, "invalid-argument", "not-found")) throw error;
        throw new SecretsError("conflict", "another version is current by now", {
          provider: "aws",
          hint: "Read the secret again: somebody else has rotated or written it.",
        });
      }
    },

    async clear(path, version, context) {
      const input = { SecretId: path, VersionStage: stage, RemoveFromVersionId: version };
      await transport.call("UpdateSecretVersionStage", input, context).catch((error) => {
        // It lies elsewhere by now.
        if (!isSecretsError(error, "invalid-argument")) throw error;
      });
    },
  };
}

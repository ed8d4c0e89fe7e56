import { type Content, type Locator, type SecretRecord, SecretsError } from "@keyhold/core";
import type { SecretDescription, SecretValue } from "./transport.ts";

export const currentStage = "AWSCURRENT";

/** What names a version in AWS's requests. Nothing: AWSCURRENT. */
export function versionOf({ version, stage }: Locator): Readonly<Record<string, string>> {
  if (version !== undefined) return { VersionId: version };
  return stage === undefined ? {} : { VersionStage: stage };
}

export function toRecord(value: SecretValue): SecretRecord {
  const text = value.SecretString;
  const content: Content = { kind: "opaque", value: text ?? value.SecretBinary ?? missing() };
  return { content, version: value.VersionId, createdAt: value.CreatedDate?.getTime() };
}

function missing(): never {
  throw new SecretsError("decode", "AWS Secrets Manager: the answer holds neither a string nor bytes");
}

/** The version that carries a stage now. */
export function versionAt(description: SecretDescription, stage: string): string | undefined {
  const stages = description.VersionIdsToStages ?? description.SecretVersionsToStages ?? {};
  return Object.keys(stages).find((version) => stages[version]?.includes(stage));
}

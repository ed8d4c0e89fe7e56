import type { ChangeEvent } from "@keyhold/core";

type Json = Readonly<Record<string, unknown>>;

/** What may move AWSCURRENT, or take the secret away or back. */
const changing = new Set([
  "PutSecretValue",
  "UpdateSecret",
  "UpdateSecretVersionStage",
  "RotationSucceeded",
  "DeleteSecret",
  "RestoreSecret",
]);

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);

const textOf = (holder: unknown, ...names: readonly string[]): string | undefined => {
  if (!isJson(holder)) return undefined;
  return names.map((name) => holder[name]).find((value): value is string => typeof value === "string" && value !== "");
};

/**
 * The secret that an event of EventBridge names, which has it from CloudTrail: an API call, or the service's own end of a rotation.
 * An ARN stands for its name as well. `region`: where the provider's secrets lie, if that is known without asking.
 *
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
 */
export function changedPaths(event: ChangeEvent, region: string | undefined): readonly string[] | undefined {
  const { source, detail } = event;
  if (source !== "aws.secretsmanager" || !isJson(detail)) return undefined;
  const { eventName, errorCode } = detail;
  if (typeof eventName !== "string" || !changing.has(eventName) || errorCode !== undefined) return [];
  const from = event.region ?? detail.awsRegion;
  if (region !== undefined && from !== undefined && from !== region) return [];
  // Calls name it in their answer, older entries as aRN, and the service's own events beside them.
  const named =
    textOf(detail.responseElements, "arn", "aRN", "ARN") ??
    textOf(detail.additionalEventData, "SecretId") ??
    textOf(detail.serviceEventDetails, "secretId") ??
    textOf(detail.requestParameters, "secretId");
  return named === undefined ? [] : spellings(named, region);
}

/** A secret's ARN ends in a hyphen and six characters, which a reference may leave out, as it may leave out all before the name. */
function spellings(named: string, region: string | undefined): readonly string[] {
  const [, own, name] = /^arn:aws[\w-]*:secretsmanager:([\w-]+):\d*:secret:(.+)$/.exec(named) ?? [];
  if (own === undefined || name === undefined) return [named];
  if (region !== undefined && own !== region) return [];
  const suffix = /-[A-Za-z0-9]{6}$/;
  return [...new Set([named, named.replace(suffix, ""), name, name.replace(suffix, "")])];
}

import type { CallContext } from "@keyhold/core";
import type { AwsCredentials } from "@keyhold/identity";

/** The operations of AWS Secrets Manager that the provider uses, by AWS's own names. */
export type Operation =
  | "BatchGetSecretValue"
  | "CreateSecret"
  | "DeleteSecret"
  | "DescribeSecret"
  | "GetSecretValue"
  | "ListSecretVersionIds"
  | "ListSecrets"
  | "PutSecretValue"
  | "RestoreSecret"
  | "RotateSecret"
  | "TagResource"
  | "UpdateSecretVersionStage";

/**
 * Sends one operation and gives its answer, or throws a `SecretsError`. Inputs and answers are AWS's own shapes: bytes as
 * `Uint8Array`, times as `Date`.
 * https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
 */
export interface Transport {
  call<Output>(operation: Operation, input: Readonly<Record<string, unknown>>, context: CallContext): Promise<Output>;
  /** What other AWS services are asked with, in the same name. */
  signer(context: CallContext): Promise<{ readonly credentials: AwsCredentials; readonly region: string }>;
  close(): void;
}

/** `GetSecretValue`, and one item of `BatchGetSecretValue`. */
export interface SecretValue {
  readonly ARN: string;
  readonly Name: string;
  readonly VersionId: string;
  readonly SecretString?: string;
  readonly SecretBinary?: Uint8Array;
  readonly CreatedDate?: Date;
}

export interface BatchAnswer {
  readonly SecretValues?: readonly SecretValue[];
  readonly Errors?: readonly { readonly SecretId?: string; readonly ErrorCode?: string; readonly Message?: string }[];
}

/** `DescribeSecret` and one item of `ListSecrets`; they name the stages differently. */
export interface SecretDescription {
  readonly ARN: string;
  readonly Name: string;
  readonly CreatedDate?: Date;
  readonly LastChangedDate?: Date;
  readonly DeletedDate?: Date;
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly VersionIdsToStages?: Readonly<Record<string, readonly string[]>>;
  readonly SecretVersionsToStages?: Readonly<Record<string, readonly string[]>>;
}

export interface ListAnswer {
  readonly SecretList?: readonly SecretDescription[];
  readonly NextToken?: string;
}

export interface VersionsAnswer {
  readonly Versions?: readonly {
    readonly VersionId: string;
    readonly VersionStages?: readonly string[];
    readonly CreatedDate?: Date;
  }[];
  readonly NextToken?: string;
}

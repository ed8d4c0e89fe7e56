import { randomUUID } from "node:crypto";
import type { Rotations } from "./rotations.ts";
import { holder, type SecretStore, type SecretValue, type StoredSecret } from "./secret-store.ts";
import { ServiceError } from "./service-error.ts";

export interface OperationContext {
  readonly store: SecretStore;
  readonly rotations: Rotations;
  /** Fails with AccessDeniedException where the caller may not do this. */
  authorize(action: string, secretId: string): void;
  readonly pages: Map<string, number>;
}

type Input = Record<string, any>;
type Operation = (input: Input, context: OperationContext) => Promise<Record<string, unknown>>;

const refuse = (type: string, message: string): never => {
  throw new ServiceError(type, message);
};

/** What reads, and so may run together. Everything else runs alone. */
export const readOperations: ReadonlySet<string> = new Set([
  "BatchGetSecretValue",
  "DescribeSecret",
  "GetRandomPassword",
  "GetResourcePolicy",
  "GetSecretValue",
  "ListSecrets",
  "ListSecretVersionIds",
]);

/**
 * What moto does otherwise than the service, done as the service does it. An operation that is not here goes to moto as it is,
 * once its secret is known to be there and not marked for deletion.
 */
export const operations: Readonly<Record<string, Operation>> = {
  async GetSecretValue(input, { store }) {
    return store.get(input as { SecretId: string });
  },

  async BatchGetSecretValue(input, context) {
    const { SecretIdList: ids, Filters: filters } = input;
    if ((ids === undefined) === (filters === undefined)) {
      refuse("InvalidParameterException", "Either 'SecretIdList' or 'Filters' must be provided, but not both.");
    }
    if (ids !== undefined && input.MaxResults !== undefined) {
      refuse(
        "InvalidParameterException",
        "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
      );
    }
    const named = ids ?? (await listSecrets(input, context)).map((secret) => secret.Name);
    const { page, next } = paginate(named as string[], input, 20, context);
    const values: Record<string, any>[] = [];
    const errors: Record<string, string>[] = [];
    for (const id of page) {
      try {
        context.authorize("GetSecretValue", id);
        values.push(await context.store.get({ SecretId: id }));
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        errors.push({ SecretId: id, ErrorCode: error.type, Message: error.message });
      }
    }
    // The service promises no order, so that nobody comes to rely on one.
    values.sort((a, b) => (a.ARN < b.ARN ? -1 : 1));
    return { SecretValues: values, Errors: errors, NextToken: next };
  },

  async CreateSecret(input, { store }) {
    if (!/^[a-zA-Z0-9/_+=.@!-]+$/.test(input.Name)) {
      refuse(
        "ValidationException",
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
      );
    }
    const value = readValue(input);
    if (value !== undefined) requireToken(input, "InvalidRequestException");
    const existing = await store.find(input.Name);
    if (existing?.deleted) {
      refuse(
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
      );
    }
    if (existing !== undefined) {
      if (value === undefined || !existing.versions.has(input.ClientRequestToken)) {
        refuse("ResourceExistsException", `The operation failed because the secret ${input.Name} already exists.`);
      }
      await store.put(existing, input.ClientRequestToken, value as SecretValue, []);
      return { ARN: existing.arn, Name: existing.name, VersionId: input.ClientRequestToken };
    }
    const created = await store.call("CreateSecret", input);
    store.made(created.ARN);
    if (value !== undefined) store.made(created.ARN, created.VersionId);
    return created;
  },

  async PutSecretValue(input, { store, rotations }) {
    const value = readValue(input) ?? refuse("InvalidRequestException", "You must provide either SecretString or SecretBinary.");
    requireToken(input, "InvalidRequestException");
    const secret = await store.describeLive(input.SecretId);
    const labels = await store.put(secret, input.ClientRequestToken, value as SecretValue, input.VersionStages ?? ["AWSCURRENT"]);
    rotations.arrived(secret.arn, labels);
    return { ARN: secret.arn, Name: secret.name, VersionId: input.ClientRequestToken, VersionStages: labels };
  },

  async UpdateSecret(input, { store, rotations }) {
    const { SecretString, SecretBinary, ...rest } = input;
    const value = readValue(input);
    if (value !== undefined) requireToken(input, "InvalidRequestException");
    const secret = await store.describeLive(input.SecretId);
    if (value !== undefined) {
      rotations.arrived(secret.arn, await store.put(secret, input.ClientRequestToken, value, ["AWSCURRENT"]));
    }
    await store.call("UpdateSecret", { ...rest, SecretId: secret.arn, ClientRequestToken: randomUUID() });
    return { ARN: secret.arn, Name: secret.name, VersionId: value === undefined ? undefined : input.ClientRequestToken };
  },

  async UpdateSecretVersionStage(input, { store, rotations }) {
    const secret = await store.describeLive(input.SecretId);
    const { VersionStage: label, RemoveFromVersionId: from, MoveToVersionId: to } = input;
    const answer = { ARN: secret.arn, Name: secret.name };
    if (to === undefined && rotations.drop(secret.arn, label, from)) return answer;
    const current = holder(secret, label);
    if (to !== undefined && !secret.versions.has(to)) {
      refuse("ResourceNotFoundException", `Secrets Manager can't find the specified secret version: ${to}.`);
    }
    if (label === "AWSCURRENT" && to === undefined) {
      refuse(
        "InvalidParameterException",
        "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
      );
    }
    if (from !== undefined && current !== from) {
      refuse("InvalidParameterException", `The staging label ${label} is not attached to version ${from}.`);
    }
    if (current === to) return answer;
    if (current !== undefined && from === undefined) {
      refuse(
        "InvalidParameterException",
        `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${current}, so you must explicitly reference that version in RemoveFromVersionId.`,
      );
    }
    await store.moveLabel(secret, label, from, to);
    return answer;
  },

  async DescribeSecret(input, { store, rotations }) {
    const secret = await store.describe(input.SecretId);
    return rotations.describe(secret, {
      ...secret.description,
      ...dated(secret, store),
      VersionIdsToStages: labelled(secret, rotations),
    });
  },

  async ListSecretVersionIds(input, context) {
    const { store, rotations } = context;
    const secret = await store.describe(input.SecretId);
    const versions = [...rotations.versions(secret)]
      .filter(([, labels]) => labels.length > 0 || input.IncludeDeprecated === true)
      .map(([version, labels]) => ({
        VersionId: version,
        VersionStages: labels.length > 0 ? [...labels].sort() : undefined,
        CreatedDate: store.createdAt(secret.arn, version),
        KmsKeyIds: ["DefaultEncryptionKey"],
      }))
      .sort((a, b) => a.CreatedDate - b.CreatedDate);
    const { page, next } = paginate(versions, input, 100, context);
    return { ARN: secret.arn, Name: secret.name, Versions: page, NextToken: next };
  },

  async ListSecrets(input, context) {
    const { page, next } = paginate(await listSecrets(input, context), input, 100, context);
    return { SecretList: page, NextToken: next };
  },

  async RotateSecret(input, { store, rotations }) {
    requireToken(input, "InvalidParameterException");
    return rotations.rotate(await store.describeLive(input.SecretId), input);
  },

  async CancelRotateSecret(input, { store, rotations }) {
    return rotations.cancel(await store.describeLive(input.SecretId));
  },

  DeleteSecret: (input, { store }) => store.call("DeleteSecret", input),
  RestoreSecret: (input, { store }) => store.call("RestoreSecret", input),
  GetRandomPassword: (input, { store }) => store.call("GetRandomPassword", input),
};

function readValue(input: Input): SecretValue | undefined {
  const { SecretString, SecretBinary } = input;
  if (SecretString !== undefined && SecretBinary !== undefined) {
    refuse(
      "InvalidParameterException",
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  if (SecretString === "" || SecretBinary === "") {
    refuse("InvalidRequestException", "You must provide either SecretString or SecretBinary.");
  }
  if (SecretString !== undefined) return { SecretString };
  return SecretBinary === undefined ? undefined : { SecretBinary };
}

/** SDKs make a token when their caller gives none; a request without one is refused. */
function requireToken(input: Input, type: string): void {
  if (input.ClientRequestToken === undefined) {
    refuse(type, "You must provide a ClientRequestToken value. We recommend a UUID-type value.");
  }
}

async function listSecrets(input: Input, { store, rotations }: OperationContext): Promise<Record<string, any>[]> {
  const secrets: Record<string, any>[] = [];
  let token: string | undefined;
  do {
    const answer = await store.call("ListSecrets", {
      Filters: input.Filters,
      IncludePlannedDeletion: input.IncludePlannedDeletion,
      NextToken: token,
    });
    for (const description of answer.SecretList) {
      const versions = new Map(Object.entries((description.SecretVersionsToStages ?? {}) as Record<string, string[]>));
      const secret = { arn: description.ARN, name: description.Name, deleted: false, versions, description };
      secrets.push({ ...description, ...dated(secret, store), SecretVersionsToStages: labelled(secret, rotations) });
    }
    token = answer.NextToken ?? undefined;
  } while (token !== undefined);
  const key = { name: "Name", "last-changed-date": "LastChangedDate", "last-accessed-date": "LastChangedDate" }[
    String(input.SortBy)
  ];
  const direction = input.SortOrder === "asc" ? 1 : -1;
  const sortedBy = (secret: Record<string, any>): string | number => secret[key ?? "CreatedDate"];
  return secrets.sort((a, b) => direction * (sortedBy(a) < sortedBy(b) ? -1 : Number(sortedBy(a) > sortedBy(b))));
}

const dated = (secret: StoredSecret, store: SecretStore): object => ({ CreatedDate: store.createdAt(secret.arn) });

/** Versions without a label are shown by ListSecretVersionIds alone, and only when asked for. */
function labelled(secret: StoredSecret, rotations: Rotations): Record<string, string[]> | undefined {
  const versions = [...rotations.versions(secret)].filter(([, labels]) => labels.length > 0);
  return versions.length === 0
    ? undefined
    : Object.fromEntries(versions.map(([version, labels]) => [version, [...labels].sort()]));
}

function paginate<T>(
  all: readonly T[],
  input: Input,
  most: number,
  { pages }: OperationContext,
): { page: readonly T[]; next: string | undefined } {
  const start = input.NextToken === undefined ? 0 : pages.get(input.NextToken);
  if (start === undefined) throw new ServiceError("InvalidNextTokenException", "The NextToken value is invalid.");
  const end = start + (input.MaxResults ?? most);
  if (end >= all.length) return { page: all.slice(start), next: undefined };
  const next = randomUUID();
  pages.set(next, end);
  return { page: all.slice(start, end), next };
}

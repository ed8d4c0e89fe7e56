import { type Moto, motoAccount } from "./moto.ts";
import { ServiceError } from "./service-error.ts";

/** A secret as moto has it, with every version, those without a label too. */
export interface StoredSecret {
  readonly arn: string;
  readonly name: string;
  readonly deleted: boolean;
  readonly versions: ReadonlyMap<string, readonly string[]>;
  /** moto's DescribeSecret. */
  readonly description: Record<string, any>;
}

export interface SecretValue {
  readonly SecretString?: string;
  readonly SecretBinary?: string;
}

/** The secrets of one region in moto, with what moto gets wrong about versions and labels put right. */
export interface SecretStore {
  readonly region: string;
  /** Fails as the service does where there is none. */
  describe(id: string): Promise<StoredSecret>;
  find(id: string): Promise<StoredSecret | undefined>;
  /** `describe`, refusing a secret that is marked for deletion. */
  describeLive(id: string): Promise<StoredSecret>;
  get(input: { SecretId: string; VersionId?: string; VersionStage?: string }): Promise<Record<string, any>>;
  /** Adds a version, or finds that the token has made the same one before. Answers its labels. */
  put(secret: StoredSecret, token: string, value: SecretValue, labels: readonly string[]): Promise<readonly string[]>;
  moveLabel(secret: StoredSecret, label: string, from: string | undefined, to: string | undefined): Promise<void>;
  /** When the version, or for want of a version the secret, was made, in seconds since 1970. */
  createdAt(arn: string, version?: string): number;
  made(arn: string, version?: string): void;
  call(operation: string, input: object): Promise<Record<string, any>>;
}

/** Worn by a new version for a moment: moto moves AWSCURRENT rightly only between versions that are already there. */
const arriving = "keyhold-arriving";

export const holder = (secret: Pick<StoredSecret, "versions">, label: string): string | undefined =>
  [...secret.versions].find(([, labels]) => labels.includes(label))?.[0];

export function createSecretStore(moto: Moto, region: string, now: () => number): SecretStore {
  const times = new Map<string, number>();
  let latest = 0;
  const call = (operation: string, input: object): Promise<Record<string, any>> => moto.call(operation, input, region);
  const refuse = (type: string, message: string): never => {
    throw new ServiceError(type, message);
  };
  const noValue = (what: string): never =>
    refuse("ResourceNotFoundException", `Secrets Manager can't find the specified secret value for ${what}`);
  // moto finds the secret of this region also by an ARN that names another.
  const inThisRegion = (id: string): void => {
    if (!id.startsWith("arn:") || id.startsWith(`arn:aws:secretsmanager:${region}:${motoAccount}:secret:`)) return;
    refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
  };

  const store: SecretStore = {
    region,
    call,
    createdAt: (arn, version = "") => times.get(`${arn} ${version}`) ?? 0,
    made(arn, version = "") {
      // Never twice the same, so that versions made in one millisecond keep their order.
      latest = Math.max(now() / 1000, latest + 0.001);
      times.set(`${arn} ${version}`, latest);
    },

    async describe(id) {
      inThisRegion(id);
      const description = await call("DescribeSecret", { SecretId: id });
      return {
        arn: description.ARN,
        name: description.Name,
        deleted: description.DeletedDate !== null && description.DeletedDate !== undefined,
        versions: new Map(Object.entries((description.VersionIdsToStages ?? {}) as Record<string, string[]>)),
        description,
      };
    },

    find: (id) =>
      store.describe(id).catch((error: unknown) => {
        if (error instanceof ServiceError && error.type === "ResourceNotFoundException") return undefined;
        throw error;
      }),

    async describeLive(id) {
      const secret = await store.describe(id);
      if (secret.deleted) {
        refuse("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.");
      }
      return secret;
    },

    async get(input) {
      const label = input.VersionStage ?? "AWSCURRENT";
      inThisRegion(input.SecretId);
      // Always by a label or an id: moto keeps a default version of its own, which does not follow AWSCURRENT.
      const wanted = input.VersionId === undefined ? { ...input, VersionStage: label } : input;
      const found = await call("GetSecretValue", wanted).catch(async (error: unknown) => {
        if (!(error instanceof ServiceError)) throw error;
        // moto has one message for all that can be missing.
        const { versions } = await store.describeLive(input.SecretId);
        const version = input.VersionId ?? holder({ versions }, label) ?? noValue(`staging label: ${label}`);
        if (!versions.has(version)) noValue(`VersionId: ${version}`);
        return refuse("InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId.");
      });
      const labels: string[] = [...found.VersionStages].sort();
      return {
        ...found,
        VersionStages: labels.length === 0 ? undefined : labels,
        CreatedDate: store.createdAt(found.ARN, found.VersionId),
      };
    },

    async put(secret, token, value, labels) {
      const SecretId = secret.arn;
      const present = secret.versions.get(token);
      if (present !== undefined) {
        const stored = await call("GetSecretValue", { SecretId, VersionId: token });
        if (stored.SecretString === value.SecretString && stored.SecretBinary === value.SecretBinary) return [...present].sort();
        // moto overwrites the version instead where it bears AWSPENDING.
        refuse(
          "ResourceExistsException",
          `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.arn}.`,
        );
      }
      const add = (VersionStages: readonly string[]): Promise<unknown> =>
        call("PutSecretValue", { SecretId, ClientRequestToken: token, ...value, VersionStages });
      const current = holder(secret, "AWSCURRENT");
      if (current === undefined) {
        const all = [...new Set([...labels, "AWSCURRENT"])];
        await add(all);
        store.made(secret.arn, token);
        return all.sort();
      }
      if (!labels.includes("AWSCURRENT")) {
        await add(labels);
      } else {
        const others = labels.filter((label) => label !== "AWSCURRENT");
        await add(others.length > 0 ? others : [arriving]);
        await store.moveLabel(secret, "AWSCURRENT", current, token);
        if (others.length === 0) await store.moveLabel(secret, arriving, token, undefined);
      }
      store.made(secret.arn, token);
      return [...labels].sort();
    },

    async moveLabel(secret, label, from, to) {
      await call("UpdateSecretVersionStage", {
        SecretId: secret.arn,
        VersionStage: label,
        RemoveFromVersionId: from,
        MoveToVersionId: to,
      });
    },
  };
  return store;
}

import { holder, type StoredSecret } from "./secret-store.ts";
import { ServiceError } from "./service-error.ts";

/** What the service hands to a rotation function. */
export interface RotationEvent {
  readonly Step: "createSecret" | "setSecret" | "testSecret" | "finishSecret";
  readonly SecretId: string;
  readonly ClientRequestToken: string;
}

export type RotationFunction = (event: RotationEvent) => Promise<void>;

/** Rotation as the service does it, with functions of the test in place of Lambda's. moto's needs Docker. */
export interface Rotations {
  readonly functions: Map<string, RotationFunction>;
  /** Resolves when every rotation that was started has ended. */
  settled(): Promise<void>;
  rotate(secret: StoredSecret, input: Record<string, any>): Record<string, unknown>;
  cancel(secret: StoredSecret): Record<string, unknown>;
  describe(secret: StoredSecret, description: Record<string, unknown>): Record<string, unknown>;
  /** The secret's versions, with the empty one that a rotation begins with. */
  versions(secret: Pick<StoredSecret, "arn" | "versions">): ReadonlyMap<string, readonly string[]>;
  /** A version came with these labels: the empty one gives AWSPENDING to it. */
  arrived(arn: string, labels: readonly string[]): void;
  /** Takes AWSPENDING from the empty version, if that is what is meant. */
  drop(arn: string, label: string, from: string | undefined): boolean;
}

interface Rotation {
  functionArn: string;
  rules?: Record<string, unknown>;
  enabled: boolean;
  pending?: string;
  rotatedAt?: number;
}

const steps = ["createSecret", "setSecret", "testSecret", "finishSecret"] as const;

export function createRotations(now: () => number): Rotations {
  const known = new Map<string, Rotation>();
  const functions = new Map<string, RotationFunction>();
  const running = new Set<Promise<void>>();

  const rotations: Rotations = {
    functions,
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },

    rotate(secret, input) {
      const earlier = known.get(secret.arn);
      const functionArn = input.RotationLambdaARN ?? earlier?.functionArn;
      if (functionArn === undefined) {
        throw new ServiceError("InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.");
      }
      const run = functions.get(functionArn);
      if (run === undefined) {
        throw new ServiceError(
          "AccessDeniedException",
          "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.",
        );
      }
      const token: string = input.ClientRequestToken;
      const pending = holder({ versions: rotations.versions(secret) }, "AWSPENDING");
      if (pending !== undefined && pending !== token && pending !== holder(secret, "AWSCURRENT")) {
        throw new ServiceError(
          "InvalidRequestException",
          "A previous rotation isn't complete. That rotation will be reattempted.",
        );
      }
      const rotation: Rotation = { ...earlier, functionArn, rules: input.RotationRules ?? earlier?.rules, enabled: true };
      known.set(secret.arn, rotation);
      const immediately = input.RotateImmediately !== false;
      if (immediately && !secret.versions.has(token)) rotation.pending = token;
      const rotating = runSteps(run, secret.arn, token, immediately)
        .then(() => {
          if (immediately) rotation.rotatedAt = now() / 1000;
        })
        // The service tries a failed rotation again later, and tells nobody but its log.
        .catch(() => {})
        .finally(() => running.delete(rotating));
      running.add(rotating);
      return { ARN: secret.arn, Name: secret.name, VersionId: token };
    },

    cancel(secret) {
      const rotation = known.get(secret.arn);
      if (rotation !== undefined) rotation.enabled = false;
      return { ARN: secret.arn, Name: secret.name };
    },

    describe(secret, description) {
      const rotation = known.get(secret.arn);
      if (rotation === undefined) return description;
      return {
        ...description,
        RotationEnabled: rotation.enabled,
        RotationLambdaARN: rotation.functionArn,
        RotationRules: rotation.rules,
        LastRotatedDate: rotation.rotatedAt,
      };
    },

    versions(secret) {
      const pending = known.get(secret.arn)?.pending;
      return pending === undefined || secret.versions.has(pending)
        ? secret.versions
        : new Map([...secret.versions, [pending, ["AWSPENDING"]]]);
    },

    arrived(arn, labels) {
      const rotation = known.get(arn);
      if (rotation !== undefined && labels.includes("AWSPENDING")) delete rotation.pending;
    },

    drop(arn, label, from) {
      const rotation = known.get(arn);
      if (rotation?.pending === undefined || label !== "AWSPENDING" || from !== rotation.pending) return false;
      delete rotation.pending;
      return true;
    },
  };
  return rotations;
}

async function runSteps(run: RotationFunction, secret: string, token: string, immediately: boolean): Promise<void> {
  // After the answer to RotateSecret.
  await new Promise((resolve) => setImmediate(resolve));
  for (const Step of immediately ? steps : (["testSecret"] as const))
    await run({ Step, SecretId: secret, ClientRequestToken: token });
}

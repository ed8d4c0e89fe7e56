import type { BackendRotator, Rotator, Secret } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import { toReference } from "../to-reference.ts";
import { usageError } from "../usage-error.ts";
import { withSecrets } from "../with-secrets.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export interface RotateCommandOptions extends CommonOptions {
  readonly with: string;
  readonly admin?: string;
  readonly strategy?: "alternating" | "single";
  readonly field?: string;
  readonly length?: string;
  readonly coordinator?: string;
  readonly dryRun?: boolean;
  readonly abandonPending?: boolean;
}

export async function rotate(name: string, options: RotateCommandOptions): Promise<void> {
  const reference = toReference(name);
  await withSecrets(options, async ({ secrets }) => {
    const rotator = await rotatorOf(options, (admin) => secrets.get(toReference(admin)));
    const { dryRun, abandonPending, coordinator } = options;
    const rotation = await secrets.rotate(reference, rotator, {
      dryRun,
      abandonPending,
      coordinator: coordinator === undefined ? undefined : toReference(coordinator),
      onProgress({ step, state }) {
        // Beside the result, which may go to a pipe.
        if (state === "done" && !options.json) process.stderr.write(`${step} done\n`);
      },
    });
    if (options.json) return writeJson(rotation);
    if (dryRun) return writeOutput(`${reference}: at version ${rotation.version}; it can be rotated, and nothing was changed\n`);
    const how = rotation.resumed ? "went on with an earlier rotation" : "rotated";
    return writeOutput(`${reference}: ${how}; version ${rotation.version} has replaced ${rotation.previousVersion}\n`);
  });
}

async function rotatorOf(
  { with: kind, admin, strategy, field, length }: RotateCommandOptions,
  read: (reference: string) => Promise<Secret>,
): Promise<Rotator | BackendRotator> {
  const rotators = await import("@keyhold/rotation");
  if (length !== undefined && !/^[1-9]\d{0,3}$/.test(length))
    throw usageError("--length takes a number of characters", "Write --length 32.");
  const policy = length === undefined ? {} : { length: Number(length) };
  if (kind === "random") return rotators.random({ ...policy, ...(field === undefined ? {} : { field }) });
  if (kind === "hmac") return rotators.hmac();
  if (kind === "key-pair") return rotators.keyPair();
  if (kind === "jwks") return rotators.jwks();
  const signIn = admin === undefined ? {} : { admin: () => read(admin) };
  return rotators.postgres({ ...signIn, ...(strategy === undefined ? {} : { strategy }), password: policy });
}

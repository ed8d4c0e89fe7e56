import { type BackendRotator, type Rotator, type Secret, SecretsError } from "@keyhold/core";
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
    if (options.with === "random" && options.field === undefined)
      refuseFields(await secrets.get(reference, { fresh: true }), reference);
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

/** A login that becomes one random text has lost its user name, and whoever reads a field of it fails. */
function refuseFields(current: Secret, reference: string): void {
  let content: unknown;
  try {
    content = current.json();
  } catch {
    return;
  }
  if (typeof content !== "object" || content === null) return;
  throw new SecretsError("invalid-argument", "the secret holds several values, and all of them would be replaced by one", {
    reference,
    hint: "Say which one is drawn anew: --field password.",
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
  if (admin === undefined && strategy !== "single")
    throw usageError(
      "--with postgres without --admin",
      "Name a login that may change passwords: --admin aws://prod/db-admin. Or give --strategy single: the role changes its own.",
    );
  const signIn = admin === undefined ? {} : { admin: () => read(admin) };
  return rotators.postgres({ ...signIn, ...(strategy === undefined ? {} : { strategy }), password: policy });
}

import type { Secret, Secrets } from "@keyhold/core";
import { hmac, postgres, progressBar, type RotateAllResult, rotateAll } from "@keyhold/rotation";

/** What this job rotates, and how. One that fails stops no other: the next attempt goes on with it, and leaves out what is done. */
export function rotate(
  secrets: Secrets<"kubernetes">,
  { admin, journal }: { readonly admin: () => Promise<Secret>; readonly journal: string },
): Promise<RotateAllResult> {
  const rotators = {
    "kubernetes://prod/db": postgres({ admin }),
    "kubernetes://prod/webhook": hmac(),
  };
  return rotateAll(secrets as Secrets<string>, rotators, { journal, onProgress: progressBar() });
}

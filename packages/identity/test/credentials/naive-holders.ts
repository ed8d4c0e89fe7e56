import type { Credential, Holder } from "./credential.ts";

/** Signs in for each call, as the shortest code does. */
export async function everyTime(credential: Credential): Promise<Holder> {
  return { get: async (context) => (await credential.holder()).get(context), reject: () => true };
}

/** Keeps what came first, as a module-level constant does. */
export async function forever(credential: Credential): Promise<Holder> {
  let kept: Promise<unknown> | undefined;
  return {
    get(context) {
      kept ??= credential.holder().then((holder) => holder.get(context));
      return kept;
    },
    reject: () => true,
  };
}

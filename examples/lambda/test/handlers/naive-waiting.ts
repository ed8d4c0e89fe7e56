// The naive twin as an ES module with a top-level await: the init phase waits for the secret.
import { handler } from "./naive.ts";

export { handler };
export const ready: Promise<unknown> = handler();

import "vitest";

declare module "vitest" {
  interface TaskMeta {
    /** What one sink gave away, for the line that `npm run test:leak` ends with. */
    leak?: { readonly leaks: number; readonly controlLeaks: boolean };
  }
}

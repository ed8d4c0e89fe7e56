export type { GoogleCredentialsLike } from "./gcp-options.ts";
export type { GcpProvider } from "./gcp-provider.ts";
export { leanGcp as gcp } from "./lean-gcp.ts";
export type { LeanGcpOptions as GcpOptions } from "./lean-gcp-options.ts";

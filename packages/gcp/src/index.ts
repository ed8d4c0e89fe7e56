export { gcp } from "./gcp.ts";
export type { GcpOptions, GoogleCredentialsLike } from "./gcp-options.ts";
export type { GcpProvider } from "./gcp-provider.ts";

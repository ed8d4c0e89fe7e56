export { type GcpOptions, type GcpProvider, type GoogleCredentialsLike, gcp } from "./gcp.ts";

export { type EnvironmentOptions, environment } from "./environment.ts";
export { type FilesOptions, files } from "./files.ts";
export type { IdentityOptions } from "./identity.ts";
export { type InitStoreOptions, type InitStoreResult, initStore } from "./init-store.ts";
export { type LocalOptions, type LocalProvider, local, type RecipientChange } from "./local.ts";
export { defaultIdentityPath, defaultStorePath } from "./paths.ts";
export { type SnapshotOptions, snapshot } from "./snapshot.ts";

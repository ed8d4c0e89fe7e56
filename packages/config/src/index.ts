export { type EnvironmentOptions, fromEnvironment } from "./from-environment.ts";
export { type FileOptions, fromFile } from "./from-file.ts";
export { fromObject } from "./from-object.ts";
export type { Guard } from "./guard.ts";
export type { FieldStatus, LiveConfig, ReferenceStatus } from "./live-config.ts";
export { type LoadConfigOptions, loadConfig } from "./load-config.ts";
export type { Source } from "./source.ts";
export { type WatchConfigOptions, watchConfig } from "./watch-config.ts";

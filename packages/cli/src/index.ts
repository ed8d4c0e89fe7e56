export {
  type FieldStatus,
  type FileOptions,
  fromEnvironment,
  fromFile,
  fromObject,
  type Guard,
  type LiveConfig,
  type LoadConfigOptions,
  loadConfig,
  type Source,
  type WatchConfigOptions,
  watchConfig,
} from "@keyhold/config";
export {
  createSecrets,
  type ErrorCode,
  type Handle,
  type Provider,
  type Secret,
  type Secrets,
  type SecretsError,
  type SecretsEvent,
  type SecretsOptions,
  secret,
} from "@keyhold/core";
export { environment, type FilesOptions, files, type LocalOptions, local } from "@keyhold/local";
export { type AgentsConfig, defineConfig, type KeyholdConfig } from "./define-config.ts";

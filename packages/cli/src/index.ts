export {
  fromEnvironment,
  fromFile,
  fromObject,
  loadConfig,
  watchConfig,
} from "@keyhold/config";
export { createSecrets, secret } from "@keyhold/core";
export { environment, files, local } from "@keyhold/local";
export { defineConfig, type KeyholdConfig } from "./define-config.ts";

export { addSecretTools, type SecretTools, type SecretToolsOptions, type ToolServer } from "./add-secret-tools.ts";

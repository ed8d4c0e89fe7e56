export { addSecretTools, type SecretTools, type SecretToolsOptions, type ToolServer } from "./add-secret-tools.ts";
export { isLiteralCredential } from "./literal-credential.ts";

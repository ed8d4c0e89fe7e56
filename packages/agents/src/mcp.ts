export { addSecretTools, type SecretTools, type SecretToolsOptions, type ToolServer } from "./add-secret-tools.ts";
export { argumentName, isLiteralCredential } from "./literal-credential.ts";

export { type AwsRotationEvent, type AwsRotationHandlerOptions, awsRotationHandler } from "./aws-rotation-handler.ts";
export { custom } from "./custom.ts";
export { type PostgresOptions, postgres } from "./postgres.ts";
export type { PostgresClient, PostgresClientConfig, PostgresDoor, PostgresServerAddress } from "./postgres-connection.ts";
export { type RandomOptions, random } from "./random.ts";
export type { TextPolicy } from "./random-text.ts";

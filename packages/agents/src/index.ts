export type { EgressEvent, EgressUse, GrantHolder } from "./egress-event.ts";
export type { EgressRule } from "./egress-rule.ts";
export type { Grant, GrantOptions } from "./grant.ts";
export type { PlaceholderOptions } from "./placeholders.ts";
export { type ResolvedTool, type ResolvedTools, resolveToolConfig, type ToolConfigOptions } from "./resolve-tool-config.ts";
export { type GrantedFetch, type SecretFetch, type SecretFetchOptions, secretFetch } from "./secret-fetch.ts";

import type { SecretName } from "./names.ts";

/** The URL path of a namespace's secrets, or of one of them. Names are checked before, so that nothing needs encoding. */
export const secretPath = (namespace: string, name?: string): string =>
  `/api/v1/namespaces/${namespace}/secrets${name === undefined ? "" : `/${name}`}`;

/** A secret whose namespace is known. */
export type Target = Required<SecretName>;

import { SecretsError } from "@keyhold/core";
import type { Source } from "./source.ts";
import { variablesTree } from "./variables-tree.ts";

export interface EnvironmentOptions {
  /** Only variables that start with this count, and it is taken off: with `APP_`, `APP_DATABASE__POOL_SIZE` is `database.poolSize`. */
  readonly prefix: string;
  /** Default: `process.env`, when the configuration is loaded. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Configuration from environment variables: `_` joins words, `__` goes one level down, and every value is a string.
 * A credential may stand here literally, without being listed in `literals`.
 *
 * @throws SecretsError `invalid-argument` without a prefix.
 */
export function fromEnvironment({ prefix, environment }: EnvironmentOptions): Source {
  if (typeof prefix !== "string" || prefix === "") {
    throw new SecretsError("invalid-argument", "fromEnvironment needs a prefix", {
      hint: 'Without one, everything in the environment would be configuration. For example: { prefix: "APP_" }.',
    });
  }
  return {
    async read() {
      const variables = Object.entries(environment ?? process.env).flatMap(([name, value]) =>
        value === undefined ? [] : [{ name, value, place: { source: `$${name}` } }],
      );
      return [variablesTree(variables, prefix, { source: "environment" }, { fromEnvironment: true })];
    },
  };
}

import { type Content, contentVersion, type Locator, type Provider, type SecretRecord } from "@keyhold/core";
import { throwIfAborted } from "./abort.ts";
import { fail } from "./errors.ts";

export interface EnvironmentOptions {
  /** Where the variables are. Default: `process.env`, as it is at each read. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
}

/**
 * Environment variables as secrets: `env://NAME`. An empty variable is an empty secret, a missing one `not-found`.
 *
 * @throws SecretsError, from its methods: `not-found`; `unsupported` for a version or a stage.
 * @example
 * const secrets = createSecrets({ providers: { env: environment() } });
 * const key = await secrets.get("env://OPENAI_API_KEY");
 */
export function environment(options: EnvironmentOptions = {}): Provider {
  const variables = options.variables ?? process.env;
  return {
    kind: "environment",
    features: { versions: false, stages: false, binary: false, leases: false },
    async read(locator, context) {
      throwIfAborted(context);
      return readVariable(variables, locator);
    },
    async probe(locator, context) {
      throwIfAborted(context);
      return { version: readVariable(variables, locator).version };
    },
    async list({ prefix }, context) {
      throwIfAborted(context);
      const names = Object.keys(variables).filter((name) => name.startsWith(prefix) && variables[name] !== undefined);
      return { items: names.sort().map((path) => ({ path })) };
    },
  };
}

function readVariable(variables: Readonly<Record<string, string | undefined>>, { path, version, stage }: Locator): SecretRecord {
  const provider = "environment";
  if (version !== undefined || stage !== undefined) {
    throw fail("unsupported", "a variable has no versions and no stages", "Leave ?version= and ?stage= out.", { provider });
  }
  // Own ones only: process.env inherits `constructor` and others.
  const value = Object.hasOwn(variables, path) ? variables[path] : undefined;
  if (value === undefined) {
    throw fail(
      "not-found",
      "this environment variable is not set",
      "Names are case-sensitive. Set it before the process starts.",
      { provider },
    );
  }
  const content: Content = { kind: "opaque", value };
  return { content, version: contentVersion(content) };
}

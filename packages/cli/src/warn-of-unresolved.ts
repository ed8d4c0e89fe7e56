import { printable } from "./printable.ts";
import type { Environment } from "./resolve-environment.ts";

/** The names that Keyhold's documents give to providers. Anything else before :// may be an address, such as that of a database. */
const reference = /^(aws|azure|conjur|files|gcp|kubernetes|local|vault|volume):\/\//;

/** Says on standard error which variables look like references, and stay as they are because the config has no such provider. */
export function warnOfUnresolved(environment: Environment, providers: readonly string[]): void {
  for (const [variable, value] of Object.entries(environment)) {
    const name = reference.exec(value)?.[1];
    if (name === undefined || providers.includes(name)) continue;
    process.stderr.write(
      `keyhold: note: ${printable(variable)} looks like a reference, but the config has no provider ${name}: it is not resolved\n`,
    );
  }
}

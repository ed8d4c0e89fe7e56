import { createSecrets, type Provider, type Secrets } from "@keyhold/core";
import { type MemoryOptions, memory } from "@keyhold/testing";
import { onTestFinished } from "vitest";

export interface MemorySecrets {
  readonly secrets: Secrets<"memory" | "other">;
  /** The paths that were read from the backend `memory`, one list for each call. */
  readonly reads: readonly (readonly string[])[];
}

/** A client over two providers in memory, for one test. */
export function memorySecrets(
  values: NonNullable<MemoryOptions["secrets"]>,
  options: Omit<MemoryOptions, "secrets"> = {},
): MemorySecrets {
  const reads: string[][] = [];
  const backend = memory({ ...options, secrets: values });
  const counting: Provider = {
    ...backend,
    read(locator, context) {
      reads.push([locator.path]);
      return backend.read(locator, context);
    },
    readMany(locators, context) {
      reads.push(locators.map((locator) => locator.path));
      return backend.readMany!(locators, context);
    },
  };
  const secrets = createSecrets({ providers: { memory: counting, other: memory() } });
  onTestFinished(() => secrets.close());
  return { secrets, reads };
}

import { SecretsError } from "@keyhold/core";

/** Loads a package that the program has to bring. */
export async function loadPackage<T>(name: string, load: () => Promise<T>, otherwise = ""): Promise<T> {
  try {
    return await load();
  } catch {
    throw new SecretsError("unsupported", `the package ${name} is not installed`, {
      provider: "azure",
      hint: `npm install ${name}${otherwise}`,
    });
  }
}

import { readFile } from "node:fs/promises";
import { registerHooks } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { isSecretsError, SecretsError } from "@keyhold/core";
import { configFromJson } from "./config-from-json.ts";
import type { KeyholdConfig } from "./define-config.ts";

/**
 * Loads one config file.
 *
 * @throws SecretsError `invalid-argument` when it cannot be loaded or exports something else; what the file itself threw as a
 * `SecretsError` passes.
 */
export async function loadConfigFile(file: string): Promise<KeyholdConfig> {
  const name = path.basename(file);
  if (path.extname(file) === ".json") return configFromJson(await readText(file), name);
  const exported: unknown = (await importConfig(file, name)).default;
  if (!isConfig(exported)) {
    throw new SecretsError("invalid-argument", `${name} does not export a config`, {
      hint: "It ends with: export default defineConfig({ providers: { local: local() } });",
    });
  }
  if (!Object.keys(exported).every((key) => Object.hasOwn(known, key))) {
    throw new SecretsError("invalid-argument", `${name}: the config has an unknown key`, {
      hint: `Known here: ${Object.keys(known).join(", ")}.`,
    });
  }
  return exported;
}

/** Node takes the types out of the file without looking at them, so a misspelt limit or rule would be none. */
const known: Readonly<Record<keyof KeyholdConfig, true>> = { providers: true, agents: true, cache: true, deadlineMs: true };

function isConfig(value: unknown): value is KeyholdConfig {
  if (typeof value !== "object" || value === null) return false;
  const { providers } = value as { providers?: unknown };
  return typeof providers === "object" && providers !== null && !Array.isArray(providers);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new SecretsError(
      "invalid-argument",
      `${path.basename(file)} cannot be read (${(error as NodeJS.ErrnoException).code})`,
      {
        hint: "Check the file and its mode.",
      },
    );
  }
}

async function importConfig(file: string, name: string): Promise<{ readonly default?: unknown }> {
  const hooks = registerHooks({ resolve: resolveOwnPackages });
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    throw isSecretsError(error) ? error : loadError(error, file, name);
  } finally {
    hooks.deregister();
  }
}

type ResolveHook = NonNullable<Parameters<typeof registerHooks>[0]["resolve"]>;

/** A folder without node_modules, as where `npx keyhold` or a global install is used, gets Keyhold from the command itself. */
const resolveOwnPackages: ResolveHook = (specifier, context, next) => {
  try {
    return next(specifier, context);
  } catch (error) {
    if (!/^(keyhold|@keyhold\/(core|config|local))(\/|$)/.test(specifier)) throw error;
    return next(specifier, { ...context, parentURL: import.meta.url });
  }
};

/** What went wrong in words of our own: the file's text may hold a credential, and parse errors repeat text. */
function loadError(error: unknown, file: string, name: string): SecretsError {
  const { code, message = "", stack = "", name: kind = "an error" } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const missing = code === "ERR_MODULE_NOT_FOUND" ? /^Cannot find (?:package|module) '([^']+)'/.exec(message)?.[1] : undefined;
  if (missing !== undefined) {
    const isPackage = !path.isAbsolute(missing);
    return new SecretsError("invalid-argument", `${name} imports ${missing}, which is not there`, {
      hint: isPackage ? `Install it beside the config file: npm install ${missing}` : "Check the path in the import.",
    });
  }
  const line = stack.split("\n").flatMap((frame) => {
    const start = frame.indexOf(pathToFileURL(file).href);
    return start === -1 ? [] : (/^:(\d+)/.exec(frame.slice(start + pathToFileURL(file).href.length))?.[1] ?? []);
  })[0];
  const hint =
    path.extname(file) === ".mts" || kind !== "SyntaxError"
      ? `See what Node says: node ${name}`
      : `Under "type": "commonjs" it cannot be a module: rename it to keyhold.config.mts. Otherwise see what Node says: node ${name}`;
  return new SecretsError("invalid-argument", `${name} failed to load: ${kind}${line === undefined ? "" : ` at line ${line}`}`, {
    hint,
  });
}

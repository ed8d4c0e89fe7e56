import { type Provider, providerNamePattern, SecretsError } from "@keyhold/core";
import { environment, files, local } from "@keyhold/local";
import { askPassphrase } from "./ask-passphrase.ts";
import type { AgentsConfig, KeyholdConfig } from "./define-config.ts";
import { parseJson } from "./parse-json.ts";

type Options = Readonly<Record<string, string>>;

interface Kind {
  /** The options that JSON can give, all of them texts, and whether each must be there. */
  readonly options: Readonly<Record<string, "required" | "optional">>;
  create(options: Options): Provider;
}

/** The providers that a JSON config can name. Those of other packages need a module, which can import them. */
const kinds: Readonly<Record<string, Kind>> = {
  local: {
    options: { path: "optional", identityPath: "optional" },
    create: (options) => local({ ...options, passphrase: askPassphrase }),
  },
  environment: { options: {}, create: () => environment() },
  files: { options: { directory: "required" }, create: ({ directory = "" }) => files({ directory }) },
};

/**
 * The config that a JSON file describes: `{ "providers": { NAME: { "kind": …, "options": { … } } }, "agents": { "allow": … },
 * "deadlineMs": … }`. Paths in it start at the current folder, as they do in code.
 *
 * @throws SecretsError `invalid-argument` that names the place of what is wrong, and never repeats what stands there.
 */
export function configFromJson(text: string, name: string): KeyholdConfig {
  const refuse = (message: string, hint: string) => new SecretsError("invalid-argument", `${name}: ${message}`, { hint });

  const object = (value: unknown, where: string, keys?: readonly string[]): Readonly<Record<string, unknown>> => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw refuse(`${where} is no object`, 'For example: { "providers": { "local": { "kind": "local" } } }');
    }
    const extra = keys && Object.keys(value).find((key) => !keys.includes(key));
    if (extra !== undefined) throw refuse(`${where} has an unknown key`, `Known here: ${keys?.join(", ") || "none"}.`);
    return value as Readonly<Record<string, unknown>>;
  };

  const provider = (value: unknown, where: string): Provider => {
    const { kind: kindName, options = {} } = object(value, where, ["kind", "options"]);
    const kind = typeof kindName === "string" && Object.hasOwn(kinds, kindName) ? kinds[kindName] : undefined;
    if (kind === undefined) {
      throw refuse(
        `${where}.kind is not known`,
        `Kinds: ${Object.keys(kinds).join(", ")}. Other providers need keyhold.config.mts, which imports them.`,
      );
    }
    const given = object(options, `${where}.options`, Object.keys(kind.options));
    for (const [option, need] of Object.entries(kind.options)) {
      if (given[option] === undefined && need === "optional") continue;
      if (typeof given[option] !== "string" || given[option] === "") {
        throw refuse(`${where}.options.${option} is no text`, `${option} is a path.`);
      }
    }
    return kind.create(given as Options);
  };

  const { providers, agents, deadlineMs } = object(parseJson(text, name), "the file", [
    "$schema",
    "providers",
    "agents",
    "deadlineMs",
  ]);
  const named = Object.entries(object(providers, "providers")).map(([key, value]) => {
    if (!providerNamePattern.test(key)) {
      throw refuse("a provider's name is not allowed", "A name is a letter, then letters, digits and + . _ -");
    }
    return [key, provider(value, `providers.${key}`)] as const;
  });
  if (deadlineMs !== undefined && (typeof deadlineMs !== "number" || deadlineMs < 1)) {
    throw refuse("deadlineMs is no number of at least 1", "It is in milliseconds, for example 10000.");
  }
  return {
    providers: Object.fromEntries(named),
    // The rules themselves are checked where they are used, as those of a module are.
    ...(agents === undefined ? {} : { agents: object(agents, "agents", ["allow", "unlisted"]) as unknown as AgentsConfig }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
}

import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { SecretsError } from "@keyhold/core";
import { defaultIdentityPath, type InitStoreOptions, initStore } from "@keyhold/local";
import { ask } from "../ask.ts";
import { askPassphrase } from "../ask-passphrase.ts";
import { findConfig } from "../find-config.ts";
import { writeJson, writeOutput } from "../write-output.ts";

export interface InitOptions {
  readonly passphrase?: boolean;
  readonly postQuantum?: boolean;
  readonly json?: boolean;
}

export async function init(options: InitOptions): Promise<void> {
  const existing = findConfig(process.cwd(), undefined);
  const hasIdentity = Boolean(process.env.KEYHOLD_IDENTITY) || existsSync(defaultIdentityPath());
  let passphrase: InitStoreOptions["passphrase"];
  let isWrapped = false;
  if (hasIdentity) {
    // Called only if the identity that is there turns out to be wrapped.
    passphrase = () => {
      isWrapped = true;
      return askPassphrase();
    };
  } else if (options.passphrase) {
    const chosen = await askNewPassphrase();
    isWrapped = true;
    passphrase = () => chosen;
  }
  const made = await initStore({ ...(passphrase ? { passphrase } : {}), postQuantum: options.postQuantum === true });
  const config = existing ?? path.resolve("keyhold.config.mts");
  if (existing === undefined) await writeConfig(config, isWrapped);
  const isOpen = options.passphrase === true && !isWrapped;
  const summary = {
    store: made.path,
    storeCreated: made.storeCreated,
    identity: made.identityPath ?? null,
    identityCreated: made.identityCreated,
    recipient: made.recipient,
    config,
    configCreated: existing === undefined,
  };
  return options.json ? writeJson(summary) : writeOutput(story(summary, isOpen));
}

async function askNewPassphrase(): Promise<string> {
  const passphrase = await ask("A passphrase for your new identity: ", { echo: false });
  if (passphrase === "") throw new SecretsError("invalid-argument", "the passphrase is empty", { hint: "Nothing was made." });
  if ((await ask("The same again: ", { echo: false })) !== passphrase) {
    throw new SecretsError("invalid-argument", "the two passphrases differ", { hint: "Nothing was made. Try again." });
  }
  return passphrase;
}

function configText(asksPassphrase: boolean): string {
  return `// Where secrets come from, for the keyhold command and for your programs. It names places and never holds a value.
import { defineConfig, environment, local } from "keyhold";
${asksPassphrase ? 'import { askPassphrase } from "keyhold/ask-passphrase";\n' : ""}
export default defineConfig({
  providers: {
    local: local(${asksPassphrase ? "{ passphrase: askPassphrase }" : ""}),
    env: environment(),
  },
});
`;
}

async function writeConfig(file: string, asksPassphrase: boolean): Promise<void> {
  try {
    // Fails where a file has come to be meanwhile.
    await writeFile(file, configText(asksPassphrase), { flag: "wx" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const denied = code === "EACCES" || code === "EPERM" || code === "EROFS";
    throw new SecretsError(denied ? "permission-denied" : "unavailable", `${file} cannot be written (${code})`, {
      hint: "Nothing was overwritten. Make the folder writable, then run keyhold init again: it goes on where this stopped.",
    });
  }
}

interface Summary {
  readonly store: string;
  readonly storeCreated: boolean;
  readonly identity: string | null;
  readonly identityCreated: boolean;
  readonly recipient: string;
  readonly config: string;
  readonly configCreated: boolean;
}

function story(summary: Summary, isOpen: boolean): string {
  const state = (created: boolean) => (created ? "made" : "was there, left as it is");
  // npx runs a copy that is not on the PATH afterwards.
  const command = process.env.npm_command === "exec" ? "npx keyhold" : "keyhold";
  const next: readonly (readonly [line: string, meaning: string])[] = [
    [`${command} set openai`, "asks for a value"],
    [`OPENAI_API_KEY=local://openai ${command} run -- node app.js`, "gives it to a program"],
    ["npm install keyhold", "for createSecrets and loadConfig in your code"],
  ];
  const width = Math.max(...next.map(([line]) => line.length));
  return `store:    ${summary.store} (${state(summary.storeCreated)})
identity: ${summary.identity ?? "KEYHOLD_IDENTITY"} (${state(summary.identityCreated)})
config:   ${summary.config} (${state(summary.configCreated)})
your recipient, which others add to let you in: ${summary.recipient}

The store is encrypted and may be committed. The identity opens it: keep a copy in a safe place, and never commit it.
${isOpen ? "It was there before, and has no passphrase: --passphrase protects a new one only.\n" : ""}
Next:
${next.map(([line, meaning]) => `  ${line.padEnd(width)}  # ${meaning}\n`).join("")}`;
}

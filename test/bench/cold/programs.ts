import { existsSync } from "node:fs";
import path from "node:path";

export const clouds = ["aws", "azure", "gcp", "vault"] as const;
export const modes = ["static", "login"] as const;
export type Cloud = (typeof clouds)[number];
export type Mode = (typeof modes)[number];

/** Where the programs lie. Each exports `first`, which gives the secret's text. */
export const programFolder: string = path.join(import.meta.dirname, "programs");

/** One program, as one way to start it. */
export interface Program {
  /** Such as `aws static lean`, or `aws static lean bundled`. */
  readonly name: string;
  readonly file: string;
  /** One CommonJS file, with V8's code cache: see docs/serverless.md. */
  readonly bundled: boolean;
  /** Over the SDK: the lean program with the package's main entry in place of `/lean`. */
  readonly overSdk: boolean;
}

export const nameOf = (cloud: Cloud, mode: Mode, what: string, bundled = false): string =>
  `${cloud} ${mode} ${what}${bundled ? " bundled" : ""}`;

/** What each cloud's own users would write instead. */
export const peers: { readonly [C in Cloud]: readonly string[] } = {
  aws: ["sdk", "powertools"],
  azure: ["sdk"],
  gcp: ["sdk"],
  vault: ["sdk"],
};

function program(file: string, bundled: boolean, overSdk = false): Program {
  const shown = file.replaceAll("-", " ");
  const name = `${overSdk ? shown.replace(/lean$/, "keyhold over sdk") : shown}${bundled ? " bundled" : ""}`;
  return { name, file: path.join(programFolder, `${file}.mjs`), bundled, overSdk };
}

/** All programs, of clouds whose lean entry is built. */
export function allPrograms(hasLean: (cloud: Cloud) => boolean): Program[] {
  const ready = clouds.filter(hasLean);
  const pairs = ready.flatMap((cloud) => modes.map((mode) => [cloud, mode] as const));
  const both = (file: string) => [program(file, false), program(file, true)];
  return [
    program("empty", false),
    ...pairs.flatMap(([cloud, mode]) => [
      ...both(`${cloud}-${mode}-hand`),
      ...both(`${cloud}-${mode}-lean`),
      program(`${cloud}-${mode}-lean`, false, true),
      ...peers[cloud].flatMap((peer) => both(`${cloud}-${mode}-${peer}`)),
    ]),
    ...ready.flatMap((cloud) =>
      ["agent-http-lean", "agent-socket-lean", "agent-http-hand", "fifty-lean", "fifty-hand"]
        .map((rest) => `${cloud}-${rest}`)
        .filter((file) => existsSync(path.join(programFolder, `${file}.mjs`)))
        .flatMap(both),
    ),
  ];
}

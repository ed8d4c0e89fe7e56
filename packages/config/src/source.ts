import type { Literal, Tree } from "./tree.ts";

/** Configuration before its references are resolved. Made by `fromObject`, `fromEnvironment` and `fromFile`. */
export interface Source {
  /** Reads the source, and after it what overlays it in this deployment. @throws SecretsError with the file and line. */
  read(deployment: string | undefined): Promise<readonly Tree<Literal>[]>;
}

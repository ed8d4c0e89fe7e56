// Preloaded into a process (`node --import`), makes the mistake that KEYHOLD_MUTANT names in the sources as they are loaded. Nothing
// on disk changes, and a mutant whose place is no longer in the source ends the process.
import { registerHooks } from "node:module";
import { mutants, withMistake } from "./mutants.ts";

const name = process.env.KEYHOLD_MUTANT;
const mutant = mutants.find((one) => one.name === name);
if (mutant === undefined) throw new Error(`no mutant is called ${name}`);
let isMade = false;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith(`/packages/core/src/${mutant.module}`)) return loaded;
    isMade = true;
    return { ...loaded, source: withMistake(String(loaded.source), mutant) };
  },
});

process.once("exit", () => {
  if (!isMade) throw new Error(`${mutant.module} was never loaded`);
});

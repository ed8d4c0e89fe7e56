import path from "node:path";
import { build } from "esbuild";

/** Puts the function into one file. The framework stays outside: it is what runs the function. */
export async function bundle(folder: string): Promise<{ readonly file: string; readonly bytes: number }> {
  const file = path.join(folder, "function.cjs");
  const { metafile } = await build({
    entryPoints: [path.join(import.meta.dirname, "function.ts")],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    minify: true,
    metafile: true,
    external: ["@google-cloud/functions-framework"],
    // The workspace's sources. With the installed packages this line is not needed.
    conditions: ["@keyhold/source"],
    logLevel: "warning",
  });
  return { file, bytes: Object.values(metafile.outputs)[0]?.bytes ?? 0 };
}

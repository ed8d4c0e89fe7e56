import path from "node:path";
import { build } from "esbuild";

export interface Bundle {
  readonly file: string;
  readonly bytes: number;
  /** The sources inside, as paths from the workspace. */
  readonly inputs: readonly string[];
}

/** Puts a handler and all that it needs into one CommonJS file, as it is uploaded. */
export async function bundle(source: string, folder: string): Promise<Bundle> {
  const file = path.join(folder, `${path.basename(source, ".ts")}.cjs`);
  const { metafile } = await build({
    entryPoints: [source],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    minify: true,
    metafile: true,
    // The workspace's sources. With the installed packages this line is not needed.
    conditions: ["@keyhold/source"],
    logLevel: "warning",
  });
  const [output] = Object.values(metafile.outputs);
  return { file, bytes: output?.bytes ?? 0, inputs: Object.keys(metafile.inputs) };
}

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../../scripts/packages.ts";

export interface ImportCost {
  readonly name: string;
  /** Processor time from the start of the process to the first line after the import, in milliseconds: a busy machine changes it less. */
  readonly ms: number;
  /** Resident memory at that line, in MB of 1,000,000 bytes. */
  readonly megabytes: number;
  /** How much more that is than in the empty process of the same round. */
  readonly over: { readonly ms: number; readonly megabytes: number };
}

/** How much more a start may cost with the core than without. */
export const bound = { ms: 5, megabytes: 3 } as const;

const fromCore = createRequire(path.join(root, "packages/core/package.json"));
const lruCache = fromCore.resolve("lru-cache").replace(`${path.sep}commonjs${path.sep}`, `${path.sep}esm${path.sep}`);

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

/**
 * An empty process, lru-cache and the built core: medians of interleaved runs. Each is compared with the empty process of its own
 * round, so that a machine that is busy for a while changes little.
 */
export function measureImports(core: string, runs: number): readonly [empty: ImportCost, lruCache: ImportCost, core: ImportCost] {
  const folder = mkdtempSync(path.join(tmpdir(), "keyhold-import-"));
  const report =
    "const { user, system } = process.cpuUsage(); process.stdout.write(JSON.stringify([(user + system) / 1000, process.memoryUsage.rss()]));";
  const prepare = (name: string, target?: string) => {
    const file = path.join(folder, `${name.replaceAll(/\W/g, "-")}.mjs`);
    writeFileSync(file, `${target ? `import ${JSON.stringify(pathToFileURL(target).href)};\n` : ""}${report}\n`);
    return { name, file, ms: [] as number[], megabytes: [] as number[] };
  };
  const empty = prepare("empty process");
  const programs = [empty, prepare("lru-cache alone", lruCache), prepare("@keyhold/core", core)] as const;
  try {
    for (let run = -1; run < runs; run += 1) {
      for (const { name, file, ms, megabytes } of programs) {
        const { stdout, status } = spawnSync(process.execPath, [file], { encoding: "utf8", env: { PATH: process.env.PATH } });
        if (status !== 0) throw new Error(`${name} could not be measured`);
        // The first round fills the machine's file cache.
        if (run < 0) continue;
        const [time, memory] = JSON.parse(stdout) as [number, number];
        ms.push(time);
        megabytes.push(memory / 1e6);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const over = (values: readonly number[], base: readonly number[]) => median(values.map((value, run) => value - base[run]!));
  const cost = ({ name, ms, megabytes }: typeof empty): ImportCost => ({
    name,
    ms: median(ms),
    megabytes: median(megabytes),
    over: { ms: over(ms, empty.ms), megabytes: over(megabytes, empty.megabytes) },
  });
  return [cost(programs[0]), cost(programs[1]), cost(programs[2])];
}

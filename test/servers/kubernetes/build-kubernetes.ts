import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { cachedFolder, cacheFolder } from "../cached-folder.ts";

export interface KubernetesBinaries {
  readonly apiserver: string;
  /** Speaks etcd's protocol for the API server, over SQLite. */
  readonly kine: string;
}

const version = "1.36.3";
const here = path.dirname(fileURLToPath(import.meta.url));

/**
 * The real API server and its store, built from their Go modules the first time: up to ten minutes on two cores, then cached.
 * Needs Go 1.26 or newer and a C compiler (for SQLite).
 */
export async function buildKubernetes(): Promise<KubernetesBinaries> {
  const folder = await cachedFolder(await folderName(), async (unfinished) => {
    console.error(`keyhold: building Kubernetes ${version} for the tests (once; up to ten minutes) ...`);
    const inVersion = (name: string, value: string): string => `-X k8s.io/component-base/version.${name}=${value}`;
    const flags = ["-s -w", inVersion("gitVersion", `v${version}`), inVersion("gitMajor", "1"), inVersion("gitMinor", "36")];
    await build("kine", "github.com/k3s-io/kine", ["-s -w"], path.join(unfinished, "kine"), true);
    await build("apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", flags, path.join(unfinished, "kube-apiserver"), false);
  });
  return { apiserver: path.join(folder, "kube-apiserver"), kine: path.join(folder, "kine") };
}

/** Whether it is cached already, so that starting it takes seconds. */
export async function isKubernetesBuilt(): Promise<boolean> {
  return existsSync(path.join(cacheFolder(), await folderName()));
}

async function folderName(): Promise<string> {
  const sums = await Promise.all(["apiserver/go.sum", "kine/go.sum"].map((file) => readFile(path.join(here, file))));
  const hash = createHash("sha256").update(Buffer.concat(sums)).digest("hex").slice(0, 12);
  return `kubernetes-${version}-${process.platform}-${process.arch}-${hash}`;
}

function build(module: string, program: string, flags: readonly string[], output: string, cgo: boolean): Promise<void> {
  const args = ["build", "-C", path.join(here, module), "-mod=readonly", "-trimpath", "-buildvcs=false"];
  return new Promise((resolve, reject) => {
    const child = spawn("go", [...args, `-ldflags=${flags.join(" ")}`, "-o", output, program], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, CGO_ENABLED: cgo ? "1" : "0" },
    });
    child.on("error", (error) =>
      reject(new Error(`Kubernetes is built with Go 1.26 or newer, which cannot be run: ${error.message}`)),
    );
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`go build of ${program} ended with ${code}`))));
  });
}

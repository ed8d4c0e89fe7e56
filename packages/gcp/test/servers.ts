import { type GcpOptions, type GcpProvider, type GoogleCredentialsLike, gcp } from "@keyhold/gcp";
import { gcp as lean } from "@keyhold/gcp/lean";
import { type GoogleOptions, type GoogleServer, googleToken, startGoogle } from "../../../test/servers/google/start-google.ts";
import { startTokenServer, type TokenServer } from "../../../test/servers/oidc/start-token-server.ts";
import { type SendOptions, send } from "../../../test/servers/send.ts";

/** Google's SDK over either of its protocols, and none. */
export const transports = ["gRPC", "REST", "lean"] as const;
export type TransportName = (typeof transports)[number];

/** Credentials that give this token with each request. */
export const bearer = (token: string): GoogleCredentialsLike => ({
  getRequestHeaders: async () => ({ authorization: `Bearer ${token}` }),
});

export interface Google {
  readonly tokens: TokenServer;
  readonly server: GoogleServer;
  readonly token: string;
  /** A token for another account. */
  tokenOf(email: string): Promise<string>;
  /** A provider that talks to the server, and may do everything there. */
  create(options?: GcpOptions): GcpProvider;
  /** Gives aliases to versions, past the provider. */
  alias(secretId: string, aliases: Readonly<Record<string, string>>): Promise<void>;
  /** Whether a version came with a checksum of its writer's. */
  hasChecksum(secretId: string, version: number): Promise<boolean>;
  replication(secretId: string): Promise<unknown>;
  close(): Promise<void>;
}

/** Starts the token server and Secret Manager. */
export async function startServers(transport: TransportName, options: Omit<GoogleOptions, "tokens"> = {}): Promise<Google> {
  const tokens = await startTokenServer();
  const server = await startGoogle({ tokens, ...options });
  const token = await googleToken(tokens);
  const resource = `/v1/projects/${server.projectId}/secrets/`;
  /** The server's own REST interface, asked past the provider. */
  const ask = async (method: string, path: string, body?: object) => {
    const authorization = `Bearer ${token}`;
    const sent: SendOptions = body
      ? { headers: { authorization, "content-type": "application/json" }, body: JSON.stringify(body) }
      : { headers: { authorization } };
    return (await send(server, method, resource + path, sent)).json();
  };
  const port = transport === "gRPC" ? server.grpcPort : server.port;
  return {
    tokens,
    server,
    token,
    tokenOf: (email) => googleToken(tokens, email),
    create({ fallback = transport === "REST", ...own } = {}) {
      const options = {
        projectId: server.projectId,
        credentials: bearer(token),
        apiEndpoint: `127.0.0.1:${port}`,
        tls: { ca: server.ca },
        ...own,
      };
      return transport === "lean" ? lean(options) : gcp({ ...options, fallback });
    },
    alias: (secretId, versionAliases) => ask("PATCH", `${secretId}?updateMask=versionAliases`, { versionAliases }),
    hasChecksum: async (secretId, version) =>
      (await ask("GET", `${secretId}/versions/${version}`)).clientSpecifiedPayloadChecksum === true,
    replication: async (secretId) => (await ask("GET", secretId)).replication,
    async close() {
      await server.close();
      await tokens.close();
    },
  };
}

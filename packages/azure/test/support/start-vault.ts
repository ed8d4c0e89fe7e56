import type { AzureOptions, AzureProvider, TokenCredentialLike } from "@keyhold/azure";
import { type AzureServer, startAzure, type AzureOptions as VaultOptions } from "../../../../test/servers/azure/start-azure.ts";
import { startTokenServer, type TokenServer } from "../../../../test/servers/oidc/start-token-server.ts";
import type { TestedTransport } from "./transports.ts";

/** A vault, the tenant whose tokens it takes, and a provider for it. */
export interface TestVault {
  readonly tokens: TokenServer;
  readonly server: AzureServer;
  /** Tokens that were given out. */
  readonly given: readonly string[];
  credential: TokenCredentialLike;
  create(options?: Partial<AzureOptions>): AzureProvider;
  /** Lets the servers' time pass. */
  pass(ms: number): void;
  /** Everything that a client did wrong, at either server. */
  violations(): readonly string[];
  close(): Promise<void>;
}

/** Starts a vault and its token server, on a clock of their own that starts now. */
export async function startVault(
  { azure }: Pick<TestedTransport, "azure">,
  options: Omit<VaultOptions, "tokens" | "clock"> = {},
): Promise<TestVault> {
  let aheadMs = 0;
  const clock = { now: () => Date.now() + aheadMs };
  const tokens = await startTokenServer({ clock });
  const server = await startAzure({ deletingMs: 0, recoveringMs: 0, ...options, tokens, clock });
  const given: string[] = [];
  const credential: TokenCredentialLike = {
    async getToken() {
      const token = await tokens.mint();
      given.push(token);
      return { token, expiresOnTimestamp: Date.now() + 3_600_000 };
    },
  };
  return {
    tokens,
    server,
    given,
    credential,
    create: (own) =>
      azure({
        vaultUrl: server.url,
        credential,
        tls: { ca: server.ca },
        // The vault's challenge names vault.azure.net, and this is 127.0.0.1.
        disableChallengeResourceVerification: true,
        ...own,
      }),
    pass(ms) {
      aheadMs += ms;
    },
    violations: () => [...server.violations, ...tokens.violations],
    async close() {
      await server.close();
      await tokens.close();
    },
  };
}

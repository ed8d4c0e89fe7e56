import { SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import { agentAuth, agentServer } from "./agent.ts";
import type { VaultAuth } from "./auth.ts";
import type { ServerOptions } from "./http-transport.ts";
import { tokenAuth } from "./token-auth.ts";

export interface VaultOptions {
  /** Such as `https://vault.internal:8200`. Default: VAULT_ADDR. */
  readonly address?: string;
  /**
   * Instead of `address`: a Vault Agent or Vault Proxy on this machine, `http://127.0.0.1:8100` or `unix:///run/vault/agent.sock`. It
   * signs in by itself, so no token is sent unless `auth` is given too. Default: VAULT_AGENT_ADDR where there is no `address`.
   */
  readonly agent?: string;
  /** How to sign in: `kubernetesAuth({ role })` and its kin. Default: the token in VAULT_TOKEN, or what the agent does. */
  readonly auth?: VaultAuth;
  /** Vault Enterprise, HCP or OpenBao. Default: VAULT_NAMESPACE. */
  readonly namespace?: string;
  /** An own authority, and a client certificate. All PEM. */
  readonly tls?: TlsOptions;
  /** Plain http to another machine. Default: false. */
  readonly allowPlainHttp?: boolean;
  /**
   * Key-value stores by path and version, `{ secret: 2, "team/kv": 1 }`: what is named is not asked for. By default Vault is asked
   * once a mount, which its policies may forbid.
   */
  readonly mounts?: Readonly<Record<string, 1 | 2>>;
  /**
   * Paths that answer only when something is sent to them (`vault write`), and what: `{ "pki/issue/web": { common_name: "a.internal" } }`.
   */
  readonly parameters?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function missing(what: string, hint: string): SecretsError {
  return new SecretsError("invalid-argument", `Vault's ${what} is not known`, { provider: "vault", hint });
}

/** Where Vault is and how to sign in, as the options and the environment say. @throws SecretsError `invalid-argument`. */
export function accessOf(options: VaultOptions): { readonly server: ServerOptions; readonly auth: VaultAuth } {
  const { VAULT_ADDR, VAULT_AGENT_ADDR, VAULT_TOKEN } = process.env;
  const { tls, allowPlainHttp } = options;
  if (options.agent !== undefined && options.address !== undefined) {
    throw new SecretsError("invalid-argument", "both address and agent are given", {
      provider: "vault",
      hint: "The agent knows the address of Vault: leave address out.",
    });
  }
  const agent = options.agent ?? (options.address === undefined ? VAULT_AGENT_ADDR : undefined);
  const address = options.address ?? VAULT_ADDR;
  if (!agent && !address) throw missing("address", 'Give the option address, such as "https://…:8200", or set VAULT_ADDR.');
  const auth = options.auth ?? (agent ? agentAuth : VAULT_TOKEN ? tokenAuth(VAULT_TOKEN) : undefined);
  if (auth === undefined)
    throw missing("credential", "Give the option auth, such as kubernetesAuth({ role }), or set VAULT_TOKEN.");
  const server = {
    ...(agent ? agentServer(agent) : { address: address as string }),
    ...(tls === undefined ? {} : { tls }),
    ...(allowPlainHttp === undefined ? {} : { allowPlainHttp }),
  };
  return { server, auth };
}

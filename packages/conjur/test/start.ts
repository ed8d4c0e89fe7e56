import { apiKeyAuth, type ConjurOptions, type ConjurProvider, conjur } from "@keyhold/conjur";
import type { CallContext, Content, SecretRecord, SecretsError } from "@keyhold/core";
import {
  type ConjurServer,
  type ConjurOptions as ServerOptions,
  startConjur,
} from "../../../test/servers/conjur/start-conjur.ts";

export interface Started {
  readonly server: ConjurServer;
  /** As user admin, unless told otherwise. Closed with the rest. */
  open(options?: Partial<ConjurOptions>): ConjurProvider;
  /** As a role that the policy made, by its API key. */
  as(login: string): ConjurProvider;
  /** Requests since the last call, as `METHOD /path`, sign-ins left out. */
  requests(): string[];
  /** Sign-ins since the server started. */
  signIns(): number;
  close(): Promise<void>;
}

/** A server with these policies, and providers for it. */
export async function start(policy: string, options: ServerOptions = {}): Promise<Started> {
  const server = await startConjur(options);
  const created = server.seedPolicy(policy);
  const providers: ConjurProvider[] = [];
  let seen = 0;
  const open = (changes: Partial<ConjurOptions> = {}) => {
    const auth = apiKeyAuth({ login: "admin", apiKey: server.adminApiKey });
    const provider = conjur({ url: server.url, account: server.account, auth, tls: { ca: server.ca }, ...changes });
    providers.push(provider);
    return provider;
  };
  const isSignIn = (path: string) => path.endsWith("/authenticate");
  return {
    server,
    open,
    as(login) {
      const role = login.includes("/") ? login.replace("/", ":") : `user:${login}`;
      const apiKey = created[`${server.account}:${role}`]?.api_key ?? "";
      return open({ auth: apiKeyAuth({ login, apiKey }) });
    },
    requests() {
      const since = server.requests.slice(seen).map(({ request }) => request);
      seen = server.requests.length;
      return since.filter(({ path }) => !isSignIn(path)).map(({ method, path }) => `${method} ${path}`);
    },
    signIns: () => server.requests.filter(({ request }) => isSignIn(request.path)).length,
    async close() {
      await Promise.all(providers.map((provider) => provider.close?.()));
      await server.close();
    },
  };
}

/** Content as text. */
export const textOf = (content: Content): string =>
  content.kind === "opaque" ? Buffer.from(content.value as string).toString() : "";

/** The text of a record, or the code of a failure. */
export const outcomeOf = (outcome: SecretRecord | SecretsError): string =>
  "content" in outcome ? textOf(outcome.content) : outcome.code;

export const readText = async (provider: ConjurProvider, path: string, context: CallContext): Promise<string> =>
  textOf((await provider.read({ path }, context)).content);

import { createSecrets, type Secrets } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { names, type World } from "../../../test/agents/world.ts";
import { type EgressEvent, type EgressRule, type SecretFetch, type SecretFetchOptions, secretFetch } from "../src/index.ts";

export const value = "sk-a_long/key+with=all&sorts";

export interface Opened {
  readonly fetch: SecretFetch;
  readonly secrets: Secrets<"test">;
  readonly events: EgressEvent[];
}

/** Makes fetches against the hosts of a world, and closes them. */
export interface Opener {
  rule(more?: Partial<EgressRule>): EgressRule;
  url(path?: string): string;
  open(allow: readonly EgressRule[], options?: Partial<SecretFetchOptions>): Promise<Opened>;
  closeAll(): Promise<void>;
}

export function createOpener(world: World): Opener {
  const opened: SecretFetch[] = [];
  return {
    rule: (more = {}) => ({
      reference: "test://key",
      host: names.api,
      port: world.api.port,
      addresses: ["127.0.0.1"],
      ...(more.query || more.aws ? {} : { header: "authorization" }),
      ...more,
    }),
    url: (path = "/") => `https://${names.api}:${world.api.port}${path}`,
    async open(allow, options = {}) {
      const secrets = createSecrets({ providers: { test: memory() } });
      await secrets.put("test://key", value);
      const events: EgressEvent[] = [];
      const { ca, lookup } = world;
      const fetch = secretFetch({ secrets, allow, ca, lookup, onEvent: (event) => events.push(event), ...options });
      opened.push(fetch);
      return { fetch, secrets, events };
    },
    async closeAll() {
      await Promise.all(opened.splice(0).map((fetch) => fetch.close()));
    },
  };
}

import { type Content, type ErrorCode, SecretsError } from "@keyhold/core";
import { testProvider } from "@keyhold/testing/vitest";
import { tokenAuth, type VaultOptions } from "@keyhold/vault";
import { afterAll, beforeAll, describe, expect } from "vitest";
import type { HttpsService } from "../../../test/servers/https-service.ts";
import { addPolicy, addToken } from "../../../test/servers/openbao/auth-methods.ts";
import { enableDatabase, enableKv } from "../../../test/servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../../../test/servers/openbao/start-openbao.ts";
import { type PostgresServer, startPostgres } from "../../../test/servers/postgres/start-postgres.ts";
import { startFaultyBao } from "./faulty-bao.ts";
import { transports } from "./transports.ts";

describe.each(transports)("over $transport", ({ name, vault }) => {
  let bao: OpenBao;
  let door: HttpsService;
  let token: string;
  let postgres: PostgresServer;
  beforeAll(async () => {
    [bao, postgres] = await Promise.all([startOpenBao(), startPostgres()]);
    door = await startFaultyBao(bao);
    await enableKv(bao, "team/kv", 2);
    await enableDatabase(bao, "database", postgres, [{ role: "app", ttlSeconds: 60 }]);
    await addPolicy(
      bao,
      "kit",
      `path "team/kv/*" { capabilities = ["create", "read", "update", "delete", "list"] }
     path "database/creds/app" { capabilities = ["read"] }
     path "sys/leases/revoke" { capabilities = ["update"] }`,
    );
    token = await addToken(bao, { policies: ["kit"] });
  });
  afterAll(async () => {
    expect(door.violations).toEqual([]);
    await Promise.all([door.close(), bao.close(), postgres.close()]);
  });

  const create = (options: Partial<VaultOptions> = {}) =>
    vault({ address: door.url, tls: { ca: door.ca }, auth: tokenAuth(token), ...options });

  const encoded = (path: string) => path.split("/").map(encodeURIComponent).join("/");

  function fieldsOf(content: Content) {
    if (content.kind === "fields" && !Object.values(content.fields).some((value) => value instanceof Uint8Array))
      return content.fields;
    throw new SecretsError("invalid-argument", "JSON holds no bytes");
  }

  /** One answer of the service, given to the next request for a value. */
  const failing =
    (status: number, errors: readonly string[] = []) =>
    () => {
      door.faults.next({ kind: "status", status, body: JSON.stringify({ errors }) }, { match: /^GET \/v1\/team\/kv\/data/ });
      return { provider: create(), end: () => door.faults.clear() };
    };

  testProvider(name, {
    create,
    path: (name) => `team/kv/${name}`,
    async seed(path, content) {
      await bao.call({ path: `team/kv/data/${encoded(path.slice("team/kv/".length))}`, body: { data: fieldsOf(content) } });
    },
    leased: () => ({ path: "database/creds/app" }),
    skip: [
      {
        reason: "Vault knows no idempotency keys; ifVersion guards a write",
        tests: ["the same idempotency key and content write once"],
      },
    ],
    canaries: () => [token, bao.rootToken],
    breakIt: {
      unauthenticated: () => ({ provider: create({ auth: tokenAuth("s.not-a-token-of-this-server") }) }),
      "permission-denied": () => ({ provider: create(), locator: { path: "sys/policies/acl/kit" } }),
      "rate-limited": failing(429),
      unavailable: failing(503, ["Vault is sealed"]),
      unknown: failing(418),
      unsupported: () => ({ provider: create(), locator: { path: "team/kv/x", stage: "current" } }),
      decode: () => {
        door.faults.next({ kind: "html" }, { match: /^GET \/v1\/team\/kv\/data/ });
        return { provider: create(), end: () => door.faults.clear() };
      },
      timeout: () => {
        door.faults.next({ kind: "hang" }, { times: 5, match: /^GET \/v1\/team\/kv\/data/ });
        return { provider: create(), end: () => door.faults.clear() };
      },
    } satisfies { readonly [Code in ErrorCode]?: () => unknown },
  });
});

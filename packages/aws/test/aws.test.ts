import type { AwsOptions } from "@keyhold/aws";
import type { Content, ErrorCode } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import { transports } from "./support/transports.ts";

describe.each(transports)("over $transport", ({ name, aws }) => {
  let server: AwsServer;
  beforeAll(async () => {
    server = await startAws();
  });
  afterAll(async () => {
    expect(server.violations).toEqual([]);
    await server.close();
  });

  const create = (endpoint = server.url, credentials: AwsOptions["credentials"] = server.credentials) =>
    aws({ endpoint, stsEndpoint: endpoint, region: server.region, credentials, recoveryWindowInDays: 0 });

  /** Another provider's writes: to the one under test they come from outside. */
  const seed = (path: string, content: Content) => create().write!({ path }, content, {}, callContext());

  /** One answer of the service, given to the next read. */
  const failing = (type: string, status?: number) => () => {
    server.fail(type, { match: /^GetSecretValue /, status });
    return { provider: create(), end: () => server.faults.clear() };
  };

  testProvider(name, {
    create,
    seed,
    maxBytes: 65_536,
    refusedNames: { reason: "AWS's names hold letters, digits and /_+=.@- only", pattern: /[^\w/+=.@-]/ },
    emptyRefused: "AWS takes 1 to 65,536 bytes",
    stage: "AWSCURRENT",
    skip: [
      {
        reason: "AWS deletes whole secrets; a version goes by itself when it has no stage",
        tests: ["removing one version leaves the others"],
      },
      { reason: "AWS deletes unconditionally", tests: ["a removal with an older version is a conflict and removes nothing"] },
      { reason: "GetSecretValue gives no tags; list does", tests: ["labels that are written are read"] },
    ],
    ...(name === "aws-lean" ? { notApplicable: [{ reason: "every failure has a code", codes: ["unknown"] as const }] } : {}),
    canaries: () => [server.credentials.secretAccessKey],
    breakIt: {
      unauthenticated: () => ({ provider: create(server.url, { ...server.credentials, secretAccessKey: "wrong".repeat(8) }) }),
      "permission-denied": () => {
        const allow = server.deny("GetSecretValue");
        return { provider: create(), end: allow };
      },
      "rate-limited": failing("ThrottlingException"),
      unavailable: failing("InternalServiceError", 500),
      decode: () => {
        server.faults.next({ kind: "invalid-json" }, { match: /^GetSecretValue / });
        return { provider: create(), end: () => server.faults.clear() };
      },
      timeout: () => {
        server.faults.next({ kind: "hang" }, { times: 5 });
        return { provider: create(), end: () => server.faults.clear() };
      },
      // Whatever happens on the lean way has a code; the SDK has ways of its own to fail.
      ...(name === "aws-lean"
        ? {}
        : {
            unknown: () => {
              const { url, credentials } = server;
              return { provider: create(url, () => Promise.reject(new Error(credentials.secretAccessKey)) as never) };
            },
          }),
    } satisfies { readonly [Code in ErrorCode]?: () => unknown },
  });
});

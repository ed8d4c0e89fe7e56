import { azure } from "@keyhold/azure";
import { azure as leanAzure } from "@keyhold/azure/lean";
import { describe, expect, it } from "vitest";

const data = {
  Id: "https://sample-kv.vault.azure.net/secrets/newsecret/ee059b2bb5bc48398a53b168c6cdcb10",
  VaultName: "sample-kv",
  ObjectType: "Secret",
  ObjectName: "newsecret",
  Version: "ee059b2bb5bc48398a53b168c6cdcb10",
  NBF: "1559081980",
  EXP: "1559082102",
};
const source = "/subscriptions/1/resourceGroups/sample-rg/providers/Microsoft.KeyVault/vaults/sample-kv";
const id = "00eccf70-95a7-4e7c-8299-2eb17ee9ad64";
const type = "Microsoft.KeyVault.SecretNewVersionCreated";
const time = "2026-07-25T01:08:33.1036736Z";

/** Both schemas of Event Grid. */
const eventGrid = (change: object = {}, of = type) => ({
  ...{ id, topic: source, subject: "newsecret", eventType: of, eventTime: time },
  ...{ data: { ...data, ...change }, dataVersion: "1", metadataVersion: "1" },
});
const cloudEvent = (change: object = {}, of = type) => ({
  ...{ id, source, subject: "newsecret", type: of, time, specversion: "1.0" },
  data: { ...data, ...change },
});

describe.each([
  ["azure", azure],
  ["leanAzure", leanAzure],
])("an event of Event Grid at %s", (_name, make) => {
  const provider = make({ vaultName: "Sample-KV", credential: { getToken: async () => null } });
  const paths = (received: object) => provider.changedPaths?.(received as never);

  it("names its secret, in either schema, and the secret of a certificate", () => {
    expect([paths(eventGrid()), paths(cloudEvent())]).toEqual([["newsecret"], ["newsecret"]]);
    const certificate = { Id: "https://sample-kv.vault.azure.net/certificates/Tls/ee059b2bb5bc48398a53b168c6cdcb10" };
    expect(paths(eventGrid(certificate, "Microsoft.KeyVault.CertificateNewVersionCreated"))).toEqual(["tls"]);
  });

  it("counts for a vault behind another address of its name", () => {
    const privately = make({
      vaultUrl: "https://sample-kv.privatelink.vaultcore.azure.net",
      credential: { getToken: async () => null },
    });
    expect(privately.changedPaths?.(eventGrid())).toEqual(["newsecret"]);
  });

  it("is about nothing when it changes no value, or is of another vault", () => {
    for (const of of ["SecretNearExpiry", "SecretExpired", "KeyNewVersionCreated", "VaultAccessPolicyChanged"]) {
      expect(paths(eventGrid({}, `Microsoft.KeyVault.${of}`))).toEqual([]);
    }
    for (const Id of [
      "https://other-kv.vault.azure.net/secrets/newsecret/1",
      "https://sample-kv.vault.azure.net/keys/newsecret/1",
      "https://sample-kv.vault.azure.net/secrets/",
      "https://sample-kv.vault.azure.net/secrets/a/b/c",
      "newsecret",
      7,
      undefined,
    ]) {
      expect(paths(eventGrid({ Id }))).toEqual([]);
    }
  });

  it("is none of Key Vault's when it is another's", () => {
    for (const other of [{}, { eventType: 5 }, { type: "Microsoft.Storage.BlobCreated", data }, { data }]) {
      expect(paths(other)).toBeUndefined();
    }
  });
});

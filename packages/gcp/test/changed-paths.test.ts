import { gcp } from "@keyhold/gcp";
import { gcp as leanGcp } from "@keyhold/gcp/lean";
import { describe, expect, it } from "vitest";

const name = "projects/123456789012/secrets/db";
const attributesOf = (eventType: string, secretId = name) => ({
  ...{ dataFormat: "JSON_API_V1", eventType, secretId, timestamp: "2026-01-25T22:12:19.455681Z" },
  versionId: `${secretId}/versions/2`,
});
const message = (attributes: object) => ({
  attributes,
  data: Buffer.from(JSON.stringify({ name: `${name}/versions/2`, state: "ENABLED" })).toString("base64"),
  messageId: "2070443601311540",
  publishTime: "2026-02-26T19:13:55.749Z",
});
const push = (attributes: object) => ({ message: message(attributes), subscription: "projects/p/subscriptions/s" });

describe.each([
  ["gcp", gcp],
  ["leanGcp", leanGcp],
])("a message of Pub/Sub at %s", (_name, make) => {
  const provider = make({ projectId: "my-project" });
  const paths = (received: object) => provider.changedPaths?.(received as never);
  const added = attributesOf("SECRET_VERSION_ADD");
  const all = [name, "db", "projects/my-project/secrets/db"];

  it("names its secret, pushed, pulled or passed on, by its id and both names of its project", () => {
    expect(paths(push(added))).toEqual(all);
    expect(paths({ receivedMessages: [{ ackId: "a", message: message(added) }] })).toEqual(all);
    expect(paths({ ackId: "a", message: message(added) })).toEqual(all);
    // As the library's `Message`.
    expect(paths({ id: "1", attributes: added, data: Buffer.from("{}"), ack: () => {} })).toEqual(all);
    const passedOn = { specversion: "1.0", type: "google.cloud.pubsub.topic.v1.messagePublished", data: push(added) };
    expect(paths(passedOn)).toEqual(all);
  });

  it("counts for another project only under that project's name, and for another location not at all", () => {
    const other = attributesOf("SECRET_VERSION_ADD", "projects/other/secrets/db");
    expect(paths(push(other))).toEqual(["projects/other/secrets/db"]);
    expect(paths(push(attributesOf("SECRET_VERSION_ADD", "projects/my-project/locations/europe-west3/secrets/db")))).toEqual([]);
    const regional = make({ projectId: "my-project", location: "europe-west3" });
    const event = push(attributesOf("SECRET_VERSION_ADD", "projects/my-project/locations/europe-west3/secrets/db"));
    expect(regional.changedPaths?.(event)).toContain("db");
    expect(regional.changedPaths?.(push(added))).toEqual([]);
  });

  it("is about nothing when it changes nothing, and none of Secret Manager's when it is another's", () => {
    expect(paths(push(attributesOf("SECRET_ROTATE")))).toEqual([]);
    expect(paths(push({ eventType: "TOPIC_CONFIGURED" }))).toEqual([]);
    for (const odd of ["", "db", "projects//secrets/db", "projects/p/secrets/", "projects/p/secrets/a b"]) {
      expect(paths(push(attributesOf("SECRET_VERSION_ADD", odd)))).toEqual([]);
    }
    for (const other of [
      {},
      { message: {} },
      { message: "x" },
      push({}),
      push({ eventType: "OBJECT_FINALIZE" }),
      { receivedMessages: [] },
    ]) {
      expect(paths(other)).toBeUndefined();
    }
  });
});

import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { type AwsKeys, signedHeaders } from "../aws-signature.ts";
import { startBucket } from "../servers.ts";

it("reads a database, a bucket and an API, and its model receives no credential; that of its naive twin does", async () => {
  const main = path.join(import.meta.dirname, "../main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@keyhold/source", main]);
  const last = stdout.trim().split("\n").at(-1) ?? "";
  expect(last).toMatch(
    /^5 secret values in what the model received: 0 found; naive twin: 3 found \(token, sessionToken, password\)$/,
  );
  expect(stdout).toContain('[{"item":"lamp","total":"40"}]');
  expect(stdout).toMatch(/local:\/\/bucket GET \/handbook\.md: answered 200/);
  expect(stdout).toContain("Bearer [secret]");
  expect(stdout).not.toContain("canary");
});

it("has a bucket that refuses what is not signed with its keys, for that path", async () => {
  const keys: AwsKeys = { accessKeyId: "A", secretAccessKey: "s", sessionToken: "t" };
  const bucket = await startBucket(keys, { "/a": "a", "/b": "b" });
  try {
    const statusOf = async (signedPath: string, signedBy: AwsKeys) => {
      const headers = signedHeaders(new URL(signedPath, bucket.url), signedBy);
      return (await fetch(`${bucket.url}/a`, { headers })).status;
    };
    expect(await statusOf("/a", keys)).toBe(200);
    expect(await statusOf("/b", keys)).toBe(403);
    expect(await statusOf("/a", { ...keys, secretAccessKey: "other" })).toBe(403);
    expect((await fetch(`${bucket.url}/a`)).status).toBe(403);
  } finally {
    await bucket.close();
  }
});

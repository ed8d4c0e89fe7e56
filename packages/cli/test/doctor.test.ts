import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import { createWorkspace } from "./support/keyhold.ts";

let server: AwsServer;
beforeAll(async () => {
  server = await startAws();
});
afterAll(() => server.close());

/** A workspace whose config names two accounts of AWS beside the local store; `wrong` has a key that AWS does not know. */
async function workspace() {
  const made = createWorkspace();
  await made.keyhold(["init"]);
  const { url, region, credentials } = server;
  const options = (secretAccessKey: string) =>
    JSON.stringify({
      endpoint: url,
      stsEndpoint: url,
      region,
      credentials: { accessKeyId: credentials.accessKeyId, secretAccessKey },
    });
  const adapter = path.resolve(import.meta.dirname, "../../aws/src/index.ts");
  writeFileSync(
    path.join(made.folder, "keyhold.config.mts"),
    `import { defineConfig, environment, local } from "keyhold";
     import { aws } from ${JSON.stringify(adapter)};
     export default defineConfig({ providers: {
       local: local(), env: environment(),
       aws: aws(${options(credentials.secretAccessKey)}), wrong: aws(${options("w".repeat(40))}) } });`,
  );
  return made;
}

describe("keyhold doctor", () => {
  it("tells for each provider whether it answers, who we are, what we may do and how far the clock is off", async () => {
    const { keyhold } = await workspace();
    server.setClockOffset(-120_000);
    const { stdout, status } = await keyhold(["doctor"]);
    server.setClockOffset(0);
    expect(stdout).toMatch(/PROVIDER\s+KIND\s+REACHABLE\s+SIGNED IN AS\s+MAY\s+CLOCK\s+CERTIFICATE/);
    expect(stdout).toMatch(/^local\s+local\s+yes/m);
    expect(stdout).toMatch(/^env\s+\S+\s+nothing to ask/m);
    expect(stdout).toMatch(
      new RegExp(
        `^aws\\s+aws\\s+yes\\s+arn:aws:iam::.*${server.credentials.accessKeyId}.*secretsmanager:ListSecrets.*1[12]\\d s ahead`,
        "m",
      ),
    );
    expect(stdout).toMatch(/^wrong\s+aws\s+unauthenticated/m);
    expect(stdout).toMatch(/wrong: .*\n {2}hint: /);
    expect(stdout).not.toContain(server.credentials.secretAccessKey);
    expect(status).toBe(1);
  });

  it("asks only those that are named, gives JSON, and refuses an unknown name", async () => {
    const { keyhold } = await workspace();
    const one = await keyhold(["doctor", "aws", "--json"]);
    expect(one.status).toBe(0);
    expect(JSON.parse(one.stdout)).toMatchObject([{ provider: "aws", kind: "aws", reachable: true }]);
    const unknown = await keyhold(["doctor", "nope"]);
    expect(unknown.status).toBe(1);
    expect(`${unknown.stdout}${unknown.stderr}`).toContain("no provider is named nope");
  });

  it("tells why a provider cannot be asked, such as a package that is not installed", async () => {
    const { folder, keyhold } = createWorkspace();
    writeFileSync(
      path.join(folder, "keyhold.config.mts"),
      `import { SecretsError } from "@keyhold/core";
       import { environment } from "keyhold";
       const check = async () => { throw new SecretsError("unsupported", "the package x is not installed", { hint: "npm install x" }); };
       export default { providers: { cloud: { ...environment(), kind: "cloud", check } } };`,
    );
    const { stdout, status } = await keyhold(["doctor"]);
    expect(stdout).toMatch(/^cloud\s+cloud\s+unsupported/m);
    expect(stdout).toMatch(/cloud: the package x is not installed\n {2}hint: npm install x/);
    expect(status).toBe(1);
  });
});

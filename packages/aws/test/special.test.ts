import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { AwsOptions } from "@keyhold/aws";
import { createSecrets } from "@keyhold/core";
import { callContext } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import { transports } from "./support/transports.ts";

let server: AwsServer;
beforeAll(async () => {
  server = await startAws();
});
afterAll(() => server.close());

const text = (value: string) => ({ kind: "opaque", value }) as const;
describe.each(transports)("AWS Secrets Manager over $transport", ({ name, entry, aws }) => {
  const open = (options: AwsOptions = {}) =>
    aws({ endpoint: server.url, stsEndpoint: server.url, region: server.region, credentials: server.credentials, ...options });

  it("reads by name and by ARN, by version id and by stage", async () => {
    const provider = open();
    const secrets = createSecrets({ providers: { aws: provider } });
    const first = await secrets.put(`aws://${name}/stages`, "one");
    const second = await secrets.put(`aws://${name}/stages`, "two");
    const arn = `arn:aws:secretsmanager:${server.region}:${server.accountId}:secret:${name}/stages`;
    expect((await secrets.get(`aws://${name}/stages?stage=AWSPREVIOUS`)).text()).toBe("one");
    expect((await secrets.get(`aws://${name}/stages?version=${first.version}`)).text()).toBe("one");
    const described = await Array.fromAsync(secrets.versions(`aws://${name}/stages`));
    expect(described.map(({ version, stages }) => [version, stages])).toEqual([
      [second.version, ["AWSCURRENT"]],
      [first.version, ["AWSPREVIOUS"]],
    ]);
    const byArn = await secrets.get(`aws://${arn}` as "aws://x", { optional: true });
    expect([undefined, "two"]).toContain(byArn?.text());
    await provider.moveStage(`${name}/stages`, { stage: "AWSCURRENT", to: first.version, from: second.version }, callContext());
    expect((await secrets.get(`aws://${name}/stages`, { fresh: true })).text()).toBe("one");
    await expect(
      provider.moveStage(`${name}/stages`, { stage: "AWSCURRENT", to: first.version, from: second.version }, callContext()),
    ).rejects.toMatchObject({ code: "conflict" });
    await secrets.close();
  });

  it("writes once for one idempotency key, and refuses another value under it", async () => {
    const provider = open();
    const once = await provider.write!({ path: `${name}/once` }, text("v"), { idempotencyKey: "deploy 7" }, callContext());
    const again = await provider.write!({ path: `${name}/once` }, text("v"), { idempotencyKey: "deploy 7" }, callContext());
    expect(again).toEqual(once);
    const other = provider.write!({ path: `${name}/once` }, text("w"), { idempotencyKey: "deploy 7" }, callContext());
    await expect(other).rejects.toMatchObject({ code: "conflict" });
    await provider.close?.();
  });

  it("reads fifty in three batches, and one by one where the batch is denied; a denied item fails alone", async () => {
    const provider = open();
    const paths = Array.from({ length: 50 }, (_path, index) => `${name}/batch/${index}`);
    for (const path of paths) await provider.write!({ path }, text(path), {}, callContext());
    server.forgetCalls();
    const all = await provider.readMany!(
      paths.map((path) => ({ path })),
      callContext(),
    );
    expect(all.map((record) => "content" in record && record.content.kind === "opaque" && record.content.value)).toEqual(paths);
    expect(server.calls("BatchGetSecretValue")).toHaveLength(3);
    const allow = server.deny("GetSecretValue", `${name}/batch/1`);
    const some = await provider.readMany!(
      [{ path: `${name}/batch/0` }, { path: `${name}/batch/1` }, { path: `${name}/batch/none` }],
      callContext(),
    );
    expect(some.map((one) => ("code" in one ? one.code : "ok"))).toEqual(["ok", "permission-denied", "not-found"]);
    allow();
    const allowBatch = server.deny("BatchGetSecretValue");
    const single = await provider.readMany!([{ path: `${name}/batch/0` }, { path: `${name}/batch/2` }], callContext());
    expect(single.map((one) => "content" in one)).toEqual([true, true]);
    allowBatch();
    await provider.close?.();
  });

  it("removes with a recovery window, says so, and restores", async () => {
    const provider = open();
    await provider.write!({ path: `${name}/gone` }, text("v"), {}, callContext());
    await provider.remove!({ path: `${name}/gone` }, {}, callContext());
    await expect(provider.read({ path: `${name}/gone` }, callContext())).rejects.toMatchObject({
      code: "not-found",
      hint: expect.stringContaining("restore"),
    });
    await expect(provider.write!({ path: `${name}/gone` }, text("w"), {}, callContext())).rejects.toMatchObject({
      code: "conflict",
    });
    await provider.restore(`${name}/gone`, callContext());
    expect((await provider.read({ path: `${name}/gone` }, callContext())).content).toEqual(text("v"));
    expect(() => open({ recoveryWindowInDays: 3 })).toThrow(/7 to 30/);
    await provider.close?.();
  });

  it("starts AWS's own rotation", async () => {
    const provider = open();
    await provider.write!({ path: `${name}/rotated` }, text("v1"), {}, callContext());
    const steps: string[] = [];
    const lambdaArn = server.addRotationFunction(async (event) => {
      steps.push(event.Step);
    });
    const { version } = await provider.rotateSecret(`${name}/rotated`, { lambdaArn }, callContext());
    await server.rotationsSettled();
    expect(version).toMatch(/^[0-9a-f-]{36}$/);
    expect(steps[0]).toBe("createSecret");
    await provider.close?.();
  });

  it("tells who we are and what we may do", async () => {
    const provider = open();
    const report = await provider.check!(callContext());
    expect(report.principal).toContain(server.credentials.accessKeyId);
    expect(Math.abs((report.serverTimeAt ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(report.permissions).toEqual([{ path: "*", actions: ["secretsmanager:ListSecrets"] }]);
    await provider.close?.();
  });

  it("serves two accounts at once, each with its own credentials", async () => {
    const other = server.addCredentials();
    const [a, b] = [open(), open({ credentials: other })];
    await a.write!({ path: `${name}/mine` }, text("v"), {}, callContext());
    server.forgetCalls();
    await Promise.all([a.read({ path: `${name}/mine` }, callContext()), b.read({ path: `${name}/mine` }, callContext())]);
    expect(new Set(server.calls().map(({ accessKeyId }) => accessKeyId)).size).toBe(2);
    await Promise.all([a.close?.(), b.close?.()]);
  });

  it("loads neither the SDK nor a network module before its first call", async () => {
    const script = `import { aws } from "${entry}";
      aws({ region: "eu-west-1" });
      console.log(process.moduleLoadList.filter((name) => /^NativeModule (https?|net|tls|dns)$/.test(name)).join());`;
    const run = ["--conditions=@keyhold/source", "--input-type=module", "-e", script];
    const { stdout } = await promisify(execFile)(process.execPath, run, { cwd: import.meta.dirname });
    expect(stdout.trim()).toBe("");
  });
});

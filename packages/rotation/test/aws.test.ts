import { createSecrets, type Rotator } from "@keyhold/core";
import { awsRotateSecret, awsRotationHandler, custom, random } from "@keyhold/rotation";
import { callContext } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import { transports } from "../../aws/test/support/transports.ts";

let server: AwsServer;
beforeAll(async () => {
  server = await startAws();
});
afterAll(async () => {
  expect(server.violations).toEqual([]);
  await server.close();
});

describe.each(transports)("rotation over $transport", ({ transport, aws }) => {
  const create = () => aws({ endpoint: server.url, region: server.region, credentials: server.credentials });
  let serial = 0;

  async function start() {
    const provider = create();
    const secrets = createSecrets({ providers: { aws: provider } });
    const path = `rotation/${transport.replaceAll(/\W/g, "-")}/${++serial}`;
    const { version } = await secrets.put(`aws://${path}`, "old");
    const stages = async () => {
      const { items } = await provider.versions!(path, {}, callContext());
      return items.filter(({ stages }) => stages?.length).map(({ version, stages }) => [version, [...(stages ?? [])].sort()]);
    };
    return { provider, secrets, path, reference: `aws://${path}` as const, version, stages };
  }

  it("waits at AWSPENDING until it is promoted, and leaves AWS's own stages alone behind it", async () => {
    const { secrets, reference, version, stages } = await start();
    let between: unknown;
    const rotation = await secrets.rotate(reference, {
      kind: "looking",
      create: () => "new",
      set: async () => {
        between = await stages();
        expect((await secrets.get(`${reference}?stage=AWSPENDING`)).text()).toBe("new");
        expect((await secrets.get(reference, { fresh: true })).text()).toBe("old");
      },
    });
    expect(new Map(between as never)).toEqual(
      new Map([
        [version, ["AWSCURRENT"]],
        [rotation.version, ["AWSPENDING"]],
      ]),
    );
    expect(rotation).toMatchObject({ version: rotation.rotationId, previousVersion: version, resumed: false });
    expect(await stages()).toEqual([
      [rotation.version, ["AWSCURRENT"]],
      [version, ["AWSPREVIOUS"]],
    ]);
    expect((await secrets.get(reference)).text()).toBe("new");
    await secrets.close();
  });

  it.each(["set", "finish"] as const)(
    "goes on after a failure in %s, with the same value and the one it replaces",
    async (at) => {
      const { secrets, reference } = await start();
      const seen: string[] = [];
      let failing = true;
      const rotator: Rotator = {
        ...random(),
        [at]: (pending: { text(): string }, { current }: { current: { text(): string } }) => {
          seen.push(`${pending.text()} for ${current.text()}`);
          if (failing) throw new Error("no");
        },
      };
      await expect(secrets.rotate(reference, rotator)).rejects.toMatchObject({ code: "unknown" });
      failing = false;
      const rotation = await secrets.rotate(reference, rotator);
      expect(rotation.resumed).toBe(true);
      const text = (await secrets.get(reference)).text();
      expect(seen).toEqual([`${text} for old`, `${text} for old`]);
      expect(await secrets.rotate(reference, rotator)).toMatchObject({ resumed: false, previousVersion: rotation.version });
      await secrets.close();
    },
  );

  it("has one pending version, however many begin at once", async () => {
    const { secrets, reference, stages } = await start();
    const values = new Set<string>();
    const rotator = custom({
      create: () => `new ${Math.random()}`,
      set: (pending) => void values.add(pending.text()),
    });
    const clients = Array.from({ length: 4 }, () => createSecrets({ providers: { aws: create() } }));
    const all = await Promise.allSettled(clients.map((client) => client.rotate(reference, rotator)));
    for (const one of all) if (one.status === "rejected") expect(one.reason.code).toBe("conflict");
    expect(all.some(({ status }) => status === "fulfilled")).toBe(true);
    expect(values.size).toBe(1);
    expect((await stages()).map(([, names]) => names)).toEqual([["AWSCURRENT"], ["AWSPREVIOUS"]]);
    await Promise.all([secrets, ...clients].map((one) => one.close()));
  });

  it("keeps its hands off a rotation of AWS's own, until it is told otherwise", async () => {
    const { provider, secrets, reference, path, stages } = await start();
    const lambdaArn = server.addRotationFunction(() => Promise.reject(new Error("stuck")));
    await provider.rotateSecret(path, { lambdaArn }, callContext());
    await server.rotationsSettled();
    await expect(secrets.rotate(reference, random())).rejects.toMatchObject({ code: "conflict" });
    await secrets.rotate(reference, random(), { abandonPending: true });
    expect((await stages()).map(([, names]) => names)).toEqual([["AWSCURRENT"], ["AWSPREVIOUS"]]);
    await secrets.close();
  });

  it("is a Lambda rotation function, each of whose steps may be called again", async () => {
    const { provider, secrets, path, reference, version, stages } = await start();
    const calls: string[] = [];
    const rotator = custom({
      create: ({ current, rotationId }) => {
        calls.push("create");
        return `${current.text()} ${rotationId.slice(0, 4)}`;
      },
      set: (pending, { current }) => void calls.push(`set ${pending.text()} for ${current.text()}`),
      test: async (pending, { confirm }) => {
        await confirm();
        calls.push(`test ${pending.text()}`);
      },
      finish: (pending, { current }) => void calls.push(`finish ${pending.text()} for ${current.text()}`),
    });
    const handler = awsRotationHandler(rotator, { provider });
    const lambdaArn = server.addRotationFunction(async (event) => {
      await handler(event);
      await handler(event, { getRemainingTimeInMillis: () => 30_000 });
    });
    const { version: token } = await provider.rotateSecret(path, { lambdaArn }, callContext());
    await server.rotationsSettled();
    const made = `old ${token.slice(0, 4)}`;
    const twice = (call: string) => [call, call];
    expect(calls).toEqual([
      "create",
      ...twice(`set ${made} for old`),
      ...twice(`test ${made}`),
      ...twice(`finish ${made} for old`),
    ]);
    expect((await secrets.get(reference, { fresh: true })).text()).toBe(made);
    expect(await stages()).toEqual([
      [token, ["AWSCURRENT"]],
      [version, ["AWSPREVIOUS"]],
    ]);
    const event = { SecretId: path, ClientRequestToken: version, Step: "setSecret" };
    await expect(handler(event)).rejects.toMatchObject({ code: "conflict" });
    await expect(handler({ ...event, ClientRequestToken: token, Step: "other" })).rejects.toMatchObject({
      code: "invalid-argument",
    });
    await secrets.close();
  });

  it("has AWS rotate by its own function, and waits until that is done", async () => {
    const { provider, secrets, reference, version } = await start();
    const lambdaArn = server.addRotationFunction(awsRotationHandler(random(), { provider: create() }));
    const rotation = await secrets.rotate(reference, awsRotateSecret({ provider, lambdaArn }));
    expect(rotation.previousVersion).toBe(version);
    expect(rotation.version).not.toBe(version);
    expect(await secrets.get(reference)).toMatchObject({ version: rotation.version });
    await server.rotationsSettled();
    const stuck = server.addRotationFunction(() => Promise.reject(new Error("stuck")));
    const rotator = awsRotateSecret({ provider, lambdaArn: stuck });
    await expect(secrets.rotate(reference, rotator, { deadlineMs: 800 })).rejects.toMatchObject({ code: "timeout" });
    await secrets.close();
  });
});

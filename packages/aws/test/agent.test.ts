import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type AgentOptions, aws } from "@keyhold/aws/lean";
import { createSecrets } from "@keyhold/core";
import { callContext, findLeak } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AgentServer, startAgent } from "../../../test/servers/aws/start-agent.ts";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";

const token = "canary-token-51c90e";
let server: AwsServer;
let folder: string;
const variables = [
  "AWS_TOKEN",
  "AWS_SESSION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
];
const before = variables.map((name) => [name, process.env[name]] as const);

beforeAll(async () => {
  server = await startAws();
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-agent-"));
});
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});
afterAll(async () => {
  expect(server.violations).toEqual([]);
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Writes as an administrator does, who goes past the agent. */
async function put(name: string, value: string | Uint8Array): Promise<string> {
  const { url: endpoint, region, credentials } = server;
  const secrets = createSecrets({ providers: { aws: aws({ endpoint, region, credentials }) } });
  const { version } = await secrets.put(`aws://${name}`, value);
  await secrets.close();
  return version;
}

interface TestedAgent {
  readonly address: string;
  close(): unknown;
}

/** AWS's own agent, built from its source, where KEYHOLD_AWS_AGENT names the program. */
async function startReal(program: string): Promise<TestedAgent> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const config = path.join(folder, "agent.toml");
  await writeFile(config, `http_port = ${port}\nregion = "${server.region}"\nlog_to_file = false\n`);
  const { accessKeyId, secretAccessKey } = server.credentials;
  const child = spawn(program, ["--config", config], {
    cwd: folder,
    stdio: "ignore",
    env: {
      AWS_TOKEN: token,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: server.region,
      AWS_ENDPOINT_URL: server.url,
    },
  });
  const address = `http://127.0.0.1:${port}`;
  const isHealthy = () =>
    fetch(`${address}/ping`).then(
      ({ ok }) => ok,
      () => false,
    );
  const until = Date.now() + 20_000;
  while (!(await isHealthy())) {
    if (Date.now() > until || child.exitCode !== null) throw new Error("the agent does not start");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { address, close: () => child.kill() };
}

const ours = (kind: "agent" | "extension") => async (): Promise<TestedAgent> => {
  const agent = await startAgent(server, { kind, token });
  return {
    address: agent.url,
    async close() {
      await agent.close();
      expect(agent.violations).toEqual([]);
    },
  };
};

const program = process.env.KEYHOLD_AWS_AGENT;
const agents = [
  { kind: "the agent", start: ours("agent") },
  { kind: "the Lambda extension", start: ours("extension") },
  ...(program ? [{ kind: "AWS's own agent", start: () => startReal(program) }] : []),
];

describe.each(agents)("through $kind", ({ kind, start }) => {
  let agent: TestedAgent;
  beforeAll(async () => {
    agent = await start();
  });
  afterAll(() => agent?.close());
  const open = (options: AgentOptions = {}) => aws({ agent: { address: agent.address, token, ...options } });
  const name = (what: string) => `${kind.replaceAll(/[^A-Za-z]/g, "-")}/${what}`;

  it("text, bytes, versions and stages are read as AWS gives them", async () => {
    const secrets = createSecrets({ providers: { aws: open() } });
    const bytes = Uint8Array.from({ length: 256 }, (_byte, index) => index);
    await put(name("bytes"), bytes);
    const first = await put(name("text"), '{ "key": "naïve ☂", "more": "a+b & c" }');
    const second = await put(name("text"), '{ "key": "two" }');
    expect(await (await secrets.get(`aws://${name("bytes")}`)).bytes()).toEqual(bytes);
    expect((await secrets.get(`aws://${name("text")}#key`)).text()).toBe("two");
    expect((await secrets.get(`aws://${name("text")}`)).version).toBe(second);
    expect((await secrets.get(`aws://${name("text")}?stage=AWSPREVIOUS#key`)).text()).toBe("naïve ☂");
    expect((await secrets.get(`aws://${name("text")}?version=${first}#more`)).text()).toBe("a+b & c");
    const { url: endpoint, region, credentials } = server;
    const direct = await aws({ endpoint, region, credentials }).read({ path: name("text") }, callContext());
    expect(await open().read({ path: name("text") }, callContext())).toEqual(direct);
    await secrets.close();
  });

  it("a value is as old as the agent's, unless each read is asked to be fresh", async () => {
    await put(name("held"), "one");
    const [lazy, fresh] = [open(), open({ refreshNow: true })];
    const read = async (provider: typeof lazy) => (await provider.read({ path: name("held") }, callContext())).content;
    expect(await read(lazy)).toEqual({ kind: "opaque", value: "one" });
    await put(name("held"), "two");
    expect(await read(lazy)).toEqual({ kind: "opaque", value: "one" });
    expect(await read(fresh)).toEqual({ kind: "opaque", value: "two" });
    await Promise.all([lazy.close?.(), fresh.close?.()]);
  });

  it("AWS's errors and the agent's own become codes, and hold neither token nor value", async () => {
    const provider = open();
    const failure = (one = provider, missing = name("none")) =>
      one.read({ path: missing }, callContext()).catch((error: unknown) => error);
    const allow = server.deny("GetSecretValue", name("denied"));
    const wrong = open({ token: "canary-wrong-77aa01" });
    const errors = [
      await failure(),
      await failure(provider, name("denied")),
      await failure(wrong),
      await failure(provider, "x".repeat(2_049)),
    ];
    allow();
    expect(errors.map((error) => (error as { code?: string }).code)).toEqual([
      "not-found",
      "permission-denied",
      "unauthenticated",
      "invalid-argument",
    ]);
    for (const error of errors) expect(findLeak(error, [token, "canary-wrong-77aa01"])).toBeUndefined();
    expect(findLeak(provider, [token])).toBeUndefined();
    const elsewhere = aws({ agent: { address: `${agent.address}/other`, token } });
    expect(await failure(elsewhere)).toMatchObject({ code: "unavailable", retryable: false });
  });

  it("everything but reading is unsupported, before any call", async () => {
    const secrets = createSecrets({ providers: { aws: open() } });
    const calls = [
      secrets.put(`aws://${name("x")}`, "v"),
      secrets.remove(`aws://${name("x")}`),
      Array.fromAsync(secrets.list("aws://")),
      Array.fromAsync(secrets.versions(`aws://${name("x")}`)),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "unsupported" });
    await secrets.close();
    await expect(secrets.get(`aws://${name("x")}`)).rejects.toMatchObject({ code: "closed" });
  });

  it("a Unix socket leads to it too", async () => {
    await put(name("socket"), "over a file");
    const socketPath = path.join(folder, `${kind.length}.sock`);
    const door = createServer((socket) => {
      const behind = connect(Number(new URL(agent.address).port), "127.0.0.1");
      socket.pipe(behind).pipe(socket);
      for (const end of [socket, behind]) end.on("error", () => {});
    });
    await new Promise<void>((resolve) => door.listen(socketPath, resolve));
    const provider = aws({ agent: { socketPath, token } });
    const { content } = await provider.read({ path: name("socket") }, callContext());
    expect(content).toEqual({ kind: "opaque", value: "over a file" });
    await provider.close?.();
    door.close();
  });
});

describe("the token and the port", () => {
  let agent: AgentServer;
  beforeAll(async () => {
    agent = await startAgent(server, { kind: "extension", token });
    await put("found", "yes");
  });
  afterAll(() => agent.close());

  it.each([
    ["AWS_TOKEN", token],
    ["AWS_TOKEN", "file"],
    ["AWS_SESSION_TOKEN", token],
    ["AWS_CONTAINER_AUTHORIZATION_TOKEN", token],
  ])("are found in the environment: %s as %s", async (variable, value) => {
    const file = path.join(folder, "token");
    await writeFile(file, `${token}\n`);
    for (const name of variables) delete process.env[name];
    process.env[variable] = value === "file" ? `file://${file}` : value;
    process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT = String(agent.port);
    const provider = aws({ agent: {} });
    expect(await provider.read({ path: "found" }, callContext())).toMatchObject({ content: { value: "yes" } });
    await provider.close?.();
  });

  it("come from a file that is read anew, and a missing or empty one is unauthenticated", async () => {
    const tokenFile = path.join(folder, "rotating");
    const provider = aws({ agent: { address: agent.url, tokenFile } });
    const code = () =>
      provider.read({ path: "found" }, callContext()).then(
        () => "read",
        (error: { code: string }) => error.code,
      );
    expect(await code()).toBe("unauthenticated");
    await writeFile(tokenFile, " \n");
    expect(await code()).toBe("unauthenticated");
    await writeFile(tokenFile, token);
    expect(await code()).toBe("read");
    await provider.close?.();
  });

  it("an extension that does not serve yet is waited for", async () => {
    agent.isReady = false;
    const secrets = createSecrets({ providers: { aws: aws({ agent: { address: agent.url, token } }) } });
    const error = await secrets.get("aws://found", { deadlineMs: 200 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ retryable: true });
    const value = secrets.get("aws://found", { deadlineMs: 20_000 });
    setTimeout(() => {
      agent.isReady = true;
    }, 50);
    expect((await value).text()).toBe("yes");
    await secrets.close();
  });

  it("go to this machine alone, and with no other option", () => {
    expect(() => aws({ agent: { address: "http://agent.example:2773" } })).toThrow(/plain http/);
    const both = { agent: {}, region: "eu-west-1" };
    expect(() => aws(both)).toThrow(/no other option/);
  });
});

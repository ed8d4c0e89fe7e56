import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type AwsOptions, aws } from "@keyhold/aws/lean";
import { callContext, manualClock } from "@keyhold/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type AwsServer, startAws } from "../../../test/servers/aws/start-aws.ts";
import { secretsManagerAddress } from "../src/service-address.ts";

let server: AwsServer;
beforeAll(async () => {
  server = await startAws();
  const provider = open();
  await provider.write!({ path: "lean" }, { kind: "opaque", value: "there" }, {}, callContext());
  await provider.close?.();
});
afterAll(async () => {
  expect(server.violations).toEqual([]);
  await server.close();
});

const open = (options: AwsOptions = {}) =>
  aws({ endpoint: server.url, region: server.region, credentials: server.credentials, ...options });
const read = async (provider = open()) => (await provider.read({ path: "lean" }, callContext())).content;
const there = { kind: "opaque", value: "there" };

describe("a clock that is off", () => {
  afterEach(() => server.setClockOffset(0));

  it.each([
    ["behind", 3_600_000],
    ["ahead", -3_600_000],
  ])("by an hour (%s) costs one more request, once", async (_which, offsetMs) => {
    const provider = open();
    server.setClockOffset(offsetMs);
    server.forgetCalls();
    expect(await read(provider)).toEqual(there);
    expect(await read(provider)).toEqual(there);
    expect(server.calls("GetSecretValue")).toHaveLength(3);
    server.setClockOffset(0);
    expect(await read(provider)).toEqual(there);
    await provider.close?.();
  });

  it("stops none of many that begin together", async () => {
    const provider = open();
    server.setClockOffset(3_600_000);
    const values = await Promise.all(Array.from({ length: 10 }, () => read(provider)));
    expect(values).toEqual(values.map(() => there));
    await provider.close?.();
  });

  it("is not what a wrong key is taken for: that is asked once", async () => {
    const provider = open({ credentials: { ...server.credentials, secretAccessKey: "wrong".repeat(8) } });
    server.forgetCalls();
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(server.calls("GetSecretValue")).toHaveLength(1);
    await provider.close?.();
  });
});

describe("credentials", () => {
  it("that are made are made once for many, and once more when AWS refuses them", async () => {
    let made = 0;
    let current = server.addCredentials({ temporary: true });
    const provider = open({
      credentials: async () => {
        made += 1;
        return current;
      },
    });
    await Promise.all(Array.from({ length: 20 }, () => read(provider)));
    expect(made).toBe(1);
    server.removeCredentials(current);
    current = server.addCredentials({ temporary: true });
    server.forgetCalls();
    const values = await Promise.all(Array.from({ length: 20 }, () => read(provider)));
    expect(values).toEqual(values.map(() => there));
    expect(made).toBe(2);
    expect(server.calls("GetSecretValue").length).toBeLessThanOrEqual(40);
    server.removeCredentials(current);
    await expect(read(provider)).rejects.toMatchObject({ code: "unauthenticated" });
    await provider.close?.();
  });

  it("that expire are made anew before they do", async () => {
    const clock = manualClock();
    let made = 0;
    const provider = open({
      credentials: async () => {
        made += 1;
        return { ...server.addCredentials({ temporary: true }), expiration: new Date(clock.now() + 3_600_000) };
      },
    });
    const get = () => provider.read({ path: "lean" }, callContext({ clock }));
    await get();
    await clock.advance(30 * 60_000);
    // The service's clock goes with ours.
    server.setClockOffset(clock.now() - Date.now());
    await get();
    expect(made).toBe(1);
    await clock.advance(30 * 60_000);
    server.setClockOffset(clock.now() - Date.now());
    await get();
    expect(made).toBe(2);
    server.setClockOffset(0);
    await provider.close?.();
  });

  it("and region come from the environment and the shared files", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "keyhold-lean-"));
    const { accessKeyId, secretAccessKey } = server.credentials;
    await writeFile(
      path.join(folder, "credentials"),
      `[team]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
    );
    await writeFile(path.join(folder, "config"), `[profile team]\nregion = ${server.region}\n`);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", path.join(folder, "credentials"));
    vi.stubEnv("AWS_CONFIG_FILE", path.join(folder, "config"));
    vi.stubEnv("AWS_ENDPOINT_URL_SECRETS_MANAGER", server.url);
    for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) vi.stubEnv(name, undefined);
    try {
      expect(await read(aws({ profile: "team" }))).toEqual(there);
      vi.stubEnv("AWS_PROFILE", "team");
      expect(await read(aws())).toEqual(there);
      vi.stubEnv("AWS_PROFILE", undefined);
      await expect(read(aws({ credentials: server.credentials }))).rejects.toMatchObject({ code: "invalid-argument" });
      vi.stubEnv("AWS_REGION", server.region);
      vi.stubEnv("AWS_ACCESS_KEY_ID", accessKeyId);
      vi.stubEnv("AWS_SECRET_ACCESS_KEY", secretAccessKey);
      expect(await read(aws())).toEqual(there);
    } finally {
      vi.unstubAllEnvs();
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("the service's address", () => {
  const regions = [
    ...["eu-west-1", "us-east-1", "ap-southeast-7", "us-gov-west-1", "cn-north-1", "cn-northwest-1", "eusc-de-east-1"],
    ...["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "mx-central-1", "il-central-1"],
  ];

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])("is the SDK's in every partition, with FIPS: %s, dual-stack: %s", (fips, dualStack) => {
    const client = new SecretsManagerClient({ region: "eu-west-1" });
    const environment = { AWS_USE_FIPS_ENDPOINT: String(fips), AWS_USE_DUALSTACK_ENDPOINT: String(dualStack) };
    const ours = (region: string) => {
      try {
        return secretsManagerAddress(region, environment);
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const theirs = (Region: string) => {
      const resolve = client.config.endpointProvider as (parameters: object) => { url: URL };
      return resolve({ Region, UseFIPS: fips, UseDualStack: dualStack }).url.origin;
    };
    const known = regions.filter((region) => ours(region) !== "unsupported");
    expect(known.length).toBeGreaterThan(5);
    expect(known.map(ours)).toEqual(known.map(theirs));
    client.destroy();
  });

  it("is never a host that a region's name could make", () => {
    for (const region of ["evil.example/", "a@b", "eu-west-1.evil.example", ""]) {
      expect(() => secretsManagerAddress(region, {})).toThrow(/not the name of one/);
    }
  });
});

describe("loading it", () => {
  it("loads Keyhold's own files and nothing else, and a first read loads no SDK either", async () => {
    const script = `import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      const before = new Set(process.moduleLoadList);
      const { aws } = await import("@keyhold/aws/lean");
      const provider = aws({ endpoint: process.argv[1], region: "${server.region}" });
      const added = process.moduleLoadList.filter((name) => !before.has(name));
      const atImport = loaded.length;
      const clock = { now: () => Date.now(), monotonic: () => performance.now(), setTimer: () => () => {} };
      await provider.read({ path: "lean" }, { signal: new AbortController().signal, deadlineAt: Infinity, clock });
      await provider.close();
      console.log(JSON.stringify({ loaded, atImport, network: added.filter((name) => /^NativeModule (https?|net|tls|dns|crypto|zlib|fs\\/promises|internal\\/deps\\/undici\\/undici)$/.test(name)) }));`;
    const { accessKeyId, secretAccessKey } = server.credentials;
    const env = { PATH: process.env.PATH, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const words = ["--conditions=@keyhold/source", "--input-type=module", "-e", script, server.url];
    const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: import.meta.dirname, env });
    const { loaded, atImport, network } = JSON.parse(stdout) as { loaded: string[]; atImport: number; network: string[] };
    const packages = new URL("../../", import.meta.url).href;
    const foreign = loaded.filter((url) => !/^(?:core|http|identity|aws)\/src\//.test(url.replace(packages, "")));
    // The core's cache, which ships inside the core's one file, and what it publishes on.
    expect(foreign.filter((url) => !/\/lru-cache\/|^node:diagnostics_channel$/.test(url))).toEqual([]);
    expect(loaded.filter((url) => url.includes("sdk"))).toEqual([]);
    expect(loaded.length).toBe(atImport);
    expect(network).toEqual([]);
  });
});

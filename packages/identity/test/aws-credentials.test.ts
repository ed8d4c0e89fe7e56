import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { isSecretsError, type SecretsError } from "@keyhold/core";
import {
  type AwsCredentialProvider,
  type AwsCredentials,
  environmentAwsCredentials,
  sharedFileAwsCredentials,
  staticAwsCredentials,
} from "@keyhold/identity";
import { loadSharedConfigFiles } from "@smithy/shared-ini-file-loader";
import type { SignatureV4 } from "@smithy/signature-v4";
import { afterAll, describe, expect, it } from "vitest";

const secret = "canary/Se+cret=Key";
const home = mkdtempSync(path.join(tmpdir(), "keyhold-aws-"));
afterAll(() => rmSync(home, { recursive: true }));

let counter = 0;
/** A folder with these two files, as a home folder has them. */
function files(credentials: string | undefined, config?: string) {
  const folder = path.join(home, `home-${counter++}`);
  mkdirSync(path.join(folder, ".aws"), { recursive: true });
  if (credentials !== undefined) writeFileSync(path.join(folder, ".aws/credentials"), credentials);
  if (config !== undefined) writeFileSync(path.join(folder, ".aws/config"), config);
  return folder;
}

const read = (credentials: string | undefined, config?: string, profile?: string): Promise<AwsCredentials> =>
  sharedFileAwsCredentials({
    environment: { HOME: files(credentials, config) },
    ...(profile === undefined ? {} : { profile }),
  })();

async function failure(work: () => Promise<unknown>): Promise<SecretsError> {
  try {
    await work();
  } catch (error) {
    if (!isSecretsError(error)) throw error;
    expect(inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true })).not.toContain("canary");
    expect(error.hint).toBeDefined();
    return error;
  }
  throw new Error("nothing failed");
}

const keys = (id: string): string => `aws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`;

describe("AWS credentials", () => {
  it("are given as they were, and do not show their secret when they are printed", async () => {
    const expiration = new Date("2030-01-01T00:00:00Z");
    const given = { accessKeyId: "AKID", secretAccessKey: secret, sessionToken: `token-${secret}`, expiration };
    const credentials = await staticAwsCredentials(given)();
    expect({ ...credentials }).toEqual(given);
    expect(inspect(credentials)).toContain("AKID");
    expect(`${inspect({ deep: [credentials] })}${JSON.stringify(credentials)}`).not.toContain("canary");
    expect(inspect(staticAwsCredentials(given), { showHidden: true, depth: null })).not.toContain("canary");
  });

  it("and their providers fit AWS's own packages both ways", async () => {
    type TheirProvider = Extract<ConstructorParameters<typeof SignatureV4>[0]["credentials"], (...none: never[]) => unknown>;
    const theirs: TheirProvider = environmentAwsCredentials();
    const ours: AwsCredentialProvider = theirs;
    expect(ours).toBe(theirs);
  });

  it("with a missing key are refused", async () => {
    expect((await failure(async () => staticAwsCredentials({ accessKeyId: "AKID", secretAccessKey: "" }))).code).toBe(
      "invalid-argument",
    );
    expect((await failure(async () => staticAwsCredentials({ accessKeyId: " ", secretAccessKey: secret }))).code).toBe(
      "invalid-argument",
    );
    expect((await failure(async () => staticAwsCredentials({ accessKeyId: "", secretAccessKey: "" }))).code).toBe(
      "invalid-argument",
    );
  });
});

describe("the environment", () => {
  it("gives the credentials that it has at each call", async () => {
    const environment: Record<string, string> = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: `${secret}\n` };
    const provider = environmentAwsCredentials({ environment });
    expect({ ...(await provider()) }).toEqual({ accessKeyId: "AKID", secretAccessKey: secret });
    Object.assign(environment, { AWS_SESSION_TOKEN: "token", AWS_CREDENTIAL_EXPIRATION: "2030-01-01T00:00:00Z" });
    expect({ ...(await provider()) }).toEqual({
      accessKeyId: "AKID",
      secretAccessKey: secret,
      sessionToken: "token",
      expiration: new Date("2030-01-01T00:00:00Z"),
    });
  });

  it("without them, with half of them or with a time that is none says what to set", async () => {
    const tried = (environment: Record<string, string>) => failure(environmentAwsCredentials({ environment }));
    expect((await tried({})).code).toBe("unauthenticated");
    expect((await tried({ AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: " " })).code).toBe("unauthenticated");
    expect((await tried({ AWS_SECRET_ACCESS_KEY: secret })).code).toBe("invalid-argument");
    const both = { AWS_ACCESS_KEY_ID: "AKID", AWS_SECRET_ACCESS_KEY: secret };
    expect((await tried({ ...both, AWS_CREDENTIAL_EXPIRATION: "canary" })).code).toBe("invalid-argument");
  });
});

describe("the shared files", () => {
  it("give the default profile, or the one that AWS_PROFILE or the option names", async () => {
    const folder = files(
      `[default]\n${keys("one")}[team a]\n${keys("two")}`,
      `[profile b]\n${keys("three")}[c]\n${keys("four")}`,
    );
    const asked = (profile: string | undefined, AWS_PROFILE?: string) =>
      sharedFileAwsCredentials({
        environment: { HOME: folder, ...(AWS_PROFILE && { AWS_PROFILE }) },
        ...(profile && { profile }),
      })();
    expect((await asked(undefined)).accessKeyId).toBe("one");
    expect((await asked(undefined, "team a")).accessKeyId).toBe("two");
    expect((await asked("b", "team a")).accessKeyId).toBe("three");
    // In the config file a profile is named with the word profile before it.
    expect((await failure(() => asked("c"))).code).toBe("unauthenticated");
  });

  it("are found by the variables and options that name them, also below ~", async () => {
    const folder = files(`[default]\n${keys("one")}`, `[default]\n${keys("two")}`);
    const aws = path.join(folder, ".aws");
    const ids = await Promise.all(
      [
        sharedFileAwsCredentials({
          environment: { AWS_SHARED_CREDENTIALS_FILE: path.join(aws, "credentials"), AWS_CONFIG_FILE: "/none" },
        }),
        sharedFileAwsCredentials({
          environment: { AWS_SHARED_CREDENTIALS_FILE: "/none", AWS_CONFIG_FILE: path.join(aws, "config") },
        }),
        sharedFileAwsCredentials({ environment: { HOME: aws, AWS_SHARED_CREDENTIALS_FILE: "~/config" } }),
        sharedFileAwsCredentials({ environment: { USERPROFILE: folder }, credentialsFile: path.join(aws, "nothing") }),
      ].map(async (provider) => (await provider()).accessKeyId),
    );
    expect(ids).toEqual(["one", "two", "two", "two"]);
  });

  it("are read anew at each call", async () => {
    const folder = files(`[default]\n${keys("one")}`);
    const provider = sharedFileAwsCredentials({ environment: { HOME: folder } });
    expect((await provider()).accessKeyId).toBe("one");
    writeFileSync(path.join(folder, ".aws/credentials"), `[default]\n${keys("two")}aws_session_token = token\n`);
    expect({ ...(await provider()) }).toEqual({ accessKeyId: "two", secretAccessKey: secret, sessionToken: "token" });
  });

  it("never mix the keys of one file with the token of the other", async () => {
    expect(await read(`[default]\n${keys("new")}`, `[default]\n${keys("old")}aws_session_token = stale\n`)).not.toHaveProperty(
      "sessionToken",
    );
    expect((await failure(() => read("[default]\naws_access_key_id = one\n", `[default]\n${keys("two")}`))).code).toBe(
      "invalid-argument",
    );
  });

  it("that name a role or another source are not read as if their keys were meant", async () => {
    const role = (settings: string) =>
      failure(() => read(`[default]\n${keys("one")}`, `[default]\nrole_arn = arn:aws:iam::1:role/a\n${settings}`));
    expect((await role("")).code).toBe("invalid-argument");
    expect((await role("source_profile = missing\n")).code).toBe("unauthenticated");
    expect((await role("credential_source = canary\n")).code).toBe("invalid-argument");
    expect((await role("source_profile = default\nmfa_serial = canary\n")).code).toBe("unsupported");
    expect((await failure(() => read(undefined, "[default]\nsso_session = canary\n"))).code).toBe("invalid-argument");
    expect((await failure(() => read(undefined, "[default]\nlogin_session = canary\n"))).code).toBe("unsupported");
    expect((await read(undefined, `[default]\n${keys("one")}credential_process = canary\n`)).accessKeyId).toBe("one");
  });

  it("without the profile, or with one that has no keys, say so", async () => {
    expect((await failure(() => read(undefined))).message).toContain("is in no shared file");
    expect((await failure(() => read("[default]\nregion = eu-west-1\n"))).message).toContain("has no keys");
    expect((await failure(() => read(`[default]\n${keys("one")}`, undefined, "__proto__"))).code).toBe("unauthenticated");
  });

  it("that cannot be read are an error, not an absence", async () => {
    const folder = files(undefined);
    mkdirSync(path.join(folder, ".aws/credentials"));
    const error = await failure(sharedFileAwsCredentials({ environment: { HOME: folder } }));
    expect([error.code, error.retryable]).toEqual(["unavailable", false]);
    expect(`${error.stack?.split("\n", 1)}${error.hint}`).not.toContain(folder);
  });

  it("that this user may not read are denied", async (context) => {
    if (process.platform === "win32") return context.skip("Windows has no such modes");
    const folder = files("");
    chmodSync(path.join(folder, ".aws/credentials"), 0);
    const isRoot = process.geteuid?.() === 0;
    // Root may read everything.
    if (isRoot) process.seteuid?.(65_534);
    try {
      expect((await failure(sharedFileAwsCredentials({ environment: { HOME: folder } }))).code).toBe("permission-denied");
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
});

/** Shared files as people write them, with the key id that counts for a profile. */
const quirks: readonly (readonly [what: string, credentials: string, config: string, profile: string])[] = [
  ["Windows line ends", `[default]\r\n${keys("one").replaceAll("\n", "\r\n")}`, "", "default"],
  ["no white space", `[default]\naws_access_key_id=one\naws_secret_access_key=${secret}`, "", "default"],
  ["indented settings", `[default]\n  ${keys("one").replace("\naws", "\n  aws")}`, "", "default"],
  [
    "a block before the keys",
    "",
    `[default]\ns3 =\n  max_concurrent_requests = 20\n  aws_access_key_id = no\n${keys("one")}`,
    "default",
  ],
  ["a block after the keys", "", `[default]\n${keys("one")}s3 =\n  aws_access_key_id = no\n`, "default"],
  ["whole-line comments", `# [default]\n; a = b\n[default]\n#aws_access_key_id = no\n${keys("one")}`, "", "default"],
  [
    "comments in lines",
    `[default] # mine\naws_access_key_id = one ; two\naws_secret_access_key = ${secret} # three\n`,
    "",
    "default",
  ],
  ["marks that start no comment", "[default]\naws_access_key_id = one#1;2\naws_secret_access_key = a;b#c\n", "", "default"],
  ["quotes and backslashes", '[default]\naws_access_key_id = "one"\naws_secret_access_key = a\\b\\\\c"\n', "", "default"],
  ["equals signs in values", "[default]\naws_access_key_id = one\naws_secret_access_key = a=b==\n", "", "default"],
  [
    "a section that comes twice",
    `[default]\naws_access_key_id = one\n[x]\n[default]\naws_secret_access_key = ${secret}\n`,
    "",
    "default",
  ],
  ["a setting that comes twice", `[default]\naws_access_key_id = no\n${keys("one")}`, "", "default"],
  ["a quoted profile", "", `[profile "prod"]\n${keys("one")}`, "prod"],
  ["a profile with marks in its name", "", `[profile prod@eu.west/1:a+b]\n${keys("one")}`, "prod@eu.west/1:a+b"],
  ["both names of the default profile", "", `[profile default]\n${keys("one")}[default]\n${keys("two")}`, "default"],
  [
    "other kinds of sections",
    "",
    `[sso-session prod]\n${keys("no")}[services prod]\n${keys("no")}[profile prod]\n${keys("one")}`,
    "prod",
  ],
  ["a setting before any section", `aws_access_key_id = no\n[default]\n${keys("one")}`, "", "default"],
  ["a name like a property of objects", `[constructor]\n${keys("one")}`, "", "constructor"],
];

/** The control: a reader of INI files as one writes it in five lines. */
function naiveKeys(text: string, profile: string): string | undefined {
  let section = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("[")) section = line.slice(1, line.indexOf("]"));
    const [name, value] = line.split("=").map((part) => part.trim());
    if (section === profile && name === "aws_access_key_id") return value;
  }
  return undefined;
}

describe("the shared files as people write them", () => {
  for (const [what, credentials, config, profile] of quirks) {
    it(`with ${what} are read as AWS's own loader reads them`, async () => {
      const folder = files(credentials, config);
      const theirs = await loadSharedConfigFiles({
        filepath: path.join(folder, ".aws/credentials"),
        configFilepath: path.join(folder, ".aws/config"),
        ignoreCache: true,
      });
      const expected = theirs.credentialsFile[profile] ?? theirs.configFile[profile];
      const mine = await sharedFileAwsCredentials({ environment: { HOME: folder }, profile })();
      expect(mine.accessKeyId).toBe(expected?.aws_access_key_id);
      expect(mine.secretAccessKey).toBe(expected?.aws_secret_access_key);
      expect(mine.accessKeyId).toContain("one");
    });
  }

  it("are misread by a few lines of one's own, the control", () => {
    const misread = quirks.filter(([, credentials, config, profile]) => naiveKeys(credentials + config, profile) !== "one");
    console.log(`${quirks.length} shared files: all read as AWS's loader reads them; a naive reader misreads ${misread.length}`);
    expect(misread.length).toBeGreaterThan(0);
  });
});

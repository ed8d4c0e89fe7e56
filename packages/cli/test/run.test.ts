import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { createWorkspace, type Workspace } from "./support/keyhold.ts";

const canary = "p@ss/w#1%41?";
const node = process.execPath;

/** A workspace with one secret, and a command that prints its own environment as JSON. */
async function withSecret(): Promise<Workspace> {
  const workspace = createWorkspace();
  await workspace.seed({ db: JSON.stringify({ password: canary }), nul: "a\0b", large: "a".repeat(200_000) });
  return workspace;
}

const printEnvironment = ["run", "--", node, "-p", "JSON.stringify(process.env)"];

describe.concurrent("keyhold run", () => {
  it("gives values for references to the command alone, and leaves every other variable as it is", async () => {
    const { keyhold, env } = await withSecret();
    const untouched = { PLAIN: `text $\${x} \${y}`, LINK: `https://example.com/\${z}`, CLOUD: "s3://bucket/key", EMPTY: "" };
    const { status, stdout, stderr } = await keyhold(printEnvironment, {
      env: {
        ...untouched,
        PASSWORD: "local://db#password",
        URL: `postgres://app:\${local://db#password}@db/app`,
        TEXT: `password=\${local://db#password}`,
        RAW: `scheme://\${local://db#password|raw}`,
        ESCAPED: `$\${local://db} \${env://PLAIN}`,
        OPTIONAL: "local://nope?optional",
        DEFAULT: "local://nope?default=standby",
      },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const given = JSON.parse(stdout);
    expect(given).toMatchObject({
      ...env,
      ...untouched,
      PASSWORD: canary,
      TEXT: `password=${canary}`,
      RAW: `scheme://${canary}`,
      ESCAPED: `\${local://db} ${untouched.PLAIN}`,
      DEFAULT: "standby",
    });
    expect(new URL(given.URL).password).toBe(encodeURIComponent(canary));
    expect(decodeURIComponent(new URL(given.URL).password)).toBe(canary);
    expect(given).not.toHaveProperty("OPTIONAL");
  });

  it("names a variable that looks like a reference and is none, as the config has no such provider; its value it does not", async () => {
    const { keyhold } = await withSecret();
    const { status, stdout, stderr } = await keyhold(printEnvironment, {
      env: { KEY: "aws://prod/openai#apiKey", CLOUD: "s3://x" },
    });
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: "keyhold: note: KEY looks like a reference, but the config has no provider aws: it is not resolved\n",
    });
    expect(JSON.parse(stdout).KEY).toBe("aws://prod/openai#apiKey");
  });

  it("takes Keyhold's own identity out of the command's environment", async () => {
    const { keyhold, home } = await withSecret();
    const file = path.join(home, ".config/keyhold/identity.txt");
    const key = readFileSync(file, "utf8")
      .split("\n")
      .find((line) => line.startsWith("AGE-SECRET-KEY")) as string;
    const identities: readonly Readonly<Record<string, string>>[] = [{ KEYHOLD_IDENTITY: key }, { KEYHOLD_IDENTITY_FILE: file }];
    for (const identity of identities) {
      const { status, stdout } = await keyhold(printEnvironment, {
        env: { ...identity, PASSWORD: "local://db#password", HOME: "/nowhere" },
      });
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ PASSWORD: canary });
      expect(stdout).not.toContain("KEYHOLD_IDENTITY");
      expect(stdout).not.toContain("AGE-SECRET-KEY");
    }
  });

  it("keeps values out of its own arguments and environment, which others can look at", async (context) => {
    if (process.platform !== "linux") return context.skip("it reads /proc, which is on Linux only");
    const { keyhold } = await withSecret();
    const look = `for (const file of ["cmdline", "environ"]) process.stdout.write(fs.readFileSync("/proc/" + process.ppid + "/" + file))`;
    const { status, stdout } = await keyhold(["run", "--", node, "-e", look], { env: { PASSWORD: "local://db#password" } });
    expect(status).toBe(0);
    expect(stdout).toContain("PASSWORD=local://db#password");
    expect(stdout).not.toContain(canary);
  });

  it("takes variables from .env files: the environment wins, then the last file", async () => {
    const { folder, keyhold } = await withSecret();
    writeFileSync(path.join(folder, ".env"), 'A="local://db#password"\nB=first\nC=file\n');
    writeFileSync(path.join(folder, "more.env"), "B=second\n");
    const words = [
      "run",
      "--dotenv",
      ".env",
      "--dotenv",
      "more.env",
      "--",
      node,
      "-p",
      "[process.env.A, process.env.B, process.env.C].join()",
    ];
    expect(await keyhold(words, { env: { C: "environment" } })).toMatchObject({
      status: 0,
      stdout: `${canary},second,environment\n`,
    });

    writeFileSync(path.join(folder, ".env"), "B=1\nA=local://db#password\n");
    const cut = await keyhold(words);
    expect(cut).toMatchObject({ status: 1, stdout: "" });
    expect(cut.stderr).toContain(".env:2: an unquoted # cuts this value off");
    const missing = await keyhold(["run", "--dotenv", "nope.env", "--", "true"]);
    expect(missing.stderr).toMatch(/^keyhold: not-found: nope.env: /);
  });

  it("leaves the command's arguments alone: options, references and another --", async () => {
    const { keyhold } = await withSecret();
    const words = ["--json", "local://db", `\${local://db}`, "--", "--help"];
    const { stdout } = await keyhold(["run", "--", node, "-p", "JSON.stringify(process.argv.slice(1))", "--", ...words]);
    expect(JSON.parse(stdout)).toEqual(words);
  });

  it("tells all that failed at once, by variable, and runs nothing", async () => {
    const { folder, keyhold } = await withSecret();
    const touch = ["run", "--", node, "-e", "fs.writeFileSync('ran', '')"];
    const env = { ONE: "local://nope", TWO: `\${nobody://x}`, THREE: "local://db#nothing", FOUR: "local://%%" };
    const { status, stdout, stderr } = await keyhold(touch, { env });
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    for (const name of Object.keys(env)) expect(stderr).toMatch(new RegExp(`^keyhold: [a-z-]+: environment ${name}: `, "m"));
    expect(stderr).not.toContain(canary);
    const json = await keyhold([...touch.slice(0, 1), "--json", ...touch.slice(1)], { env });
    expect(JSON.parse(json.stderr).error.errors).toHaveLength(4);
    const nul = await keyhold(touch, { env: { KEY: "local://nul" } });
    expect(nul.stderr).toMatch(/^keyhold: decode: KEY: .*NUL/);
    expect(existsSync(path.join(folder, "ran"))).toBe(false);
  });

  it.each([
    ["of an exit", [node, "-e", "process.exit(7)"], 7],
    ["of a signal, as 128 + N", [node, "-e", "process.kill(process.pid, 'SIGKILL')"], 137],
    ["127 for a command that is not there", ["keyhold-no-such-command"], 127],
    ["126 for one that cannot be run", ["/"], 126],
  ])("gives back the status %s", async (_what, words, status) => {
    expect((await createWorkspace().keyhold(["run", "--", ...words])).status).toBe(status);
  });

  it("says so when a value is too large for an environment, and does not repeat it", async (context) => {
    if (process.platform !== "linux") return context.skip("each system has its own limit; this one is of Linux");
    const { keyhold } = await withSecret();
    const { status, stderr } = await keyhold(["run", "--", "true"], { env: { KEY: "local://large" } });
    expect(status).toBe(126);
    expect(stderr).toMatch(/^keyhold: invalid-argument: the command cannot be run \(E2BIG\)\nhint: .+\n$/);
  });

  it("hands standard input over to the command", async () => {
    const words = ["run", "--", node, "-e", "process.stdin.pipe(process.stdout)"];
    expect((await createWorkspace().keyhold(words, { input: "piped" })).stdout).toBe("piped");
  });

  it("passes signals on, each once, and gives back the status", async () => {
    const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
    const script = `for (const signal of ${JSON.stringify(signals)}) process.on(signal, () => console.log(signal));
      process.on("SIGUSR2", () => setTimeout(() => process.exit(42), 200));
      console.log("ready");
      setInterval(() => {}, 1000);`;
    const left = [...signals];
    const outcome = await createWorkspace().keyhold(["run", "--", node, "-e", script], {
      onStart: (child) =>
        child.stdout?.on("data", () => {
          const signal = left.shift();
          if (signal) child.kill(signal);
        }),
    });
    expect(outcome).toMatchObject({ status: 42, signal: null, stdout: `${["ready", ...signals].join("\n")}\n` });
  });

  it("ends with 128 + N when the command leaves a signal to the system", async () => {
    const outcome = await createWorkspace().keyhold(
      ["run", "--", node, "-e", "console.log('ready'); setInterval(() => {}, 1000)"],
      {
        onStart: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
      },
    );
    expect(outcome).toMatchObject({ status: 143, signal: null });
  });
});

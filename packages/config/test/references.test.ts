import { inspect } from "node:util";
import { secret } from "@keyhold/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fromObject, loadConfig } from "../src/index.ts";
import { memorySecrets } from "./support/memory-secrets.ts";
import { rejection } from "./support/rejection.ts";

const runs = Number(process.env.KEYHOLD_RUNS ?? 400);

const schema = z.object({ it: z.string().transform(secret) });
const values = {
  user: "app",
  password: "p@ss/w#1%41?",
  nested: `\${memory://user} and $\${x}`,
  doc: { a: "x" },
  half: '{"text":"\\ud800"}',
};

/** The text that a string of the configuration becomes. */
async function becomes(text: string): Promise<string> {
  const { secrets } = memorySecrets(values);
  const config = await loadConfig({ secrets, sources: [fromObject({ it: text })], schema, literals: ["it"] });
  return config.it.text();
}

const refused = (text: string) =>
  rejection(
    loadConfig({ secrets: memorySecrets(values).secrets, sources: [fromObject({ it: text })], schema, literals: ["it"] }),
  );

describe("a string of the configuration", () => {
  it.each([
    ["memory://user", "app"],
    [`\${memory://user}`, "app"],
    [`\${memory://user}@\${memory://user}`, "app@app"],
    [`Bearer \${memory://password}`, "Bearer p@ss/w#1%41?"],
    [`\${memory://doc#a}-\${memory://doc#/a}`, "x-x"],
    // Ordinary text, and what other tools put in.
    ["", ""],
    [`\${HOME}/x \${`, `\${HOME}/x \${`],
    [`$\${HOME} $$ $`, `\${HOME} $$ $`],
    [`$\${memory://user}`, `\${memory://user}`],
    [`$$\${memory://user}`, `$\${memory://user}`],
    ["https://host/path#fragment", "https://host/path#fragment"],
    [" memory://user", " memory://user"],
    // In a URL, values are encoded unless |raw says otherwise.
    [`https://\${memory://password}@host`, "https://p%40ss%2Fw%231%2541%3F@host"],
    [`https://host/?q=\${memory://password|raw}`, "https://host/?q=p@ss/w#1%41?"],
    [`x \${memory://password|raw}`, "x p@ss/w#1%41?"],
    // What comes out of a backend is never looked at again.
    [`\${memory://nested}`, `\${memory://user} and $\${x}`],
    ["memory://nested", `\${memory://user} and $\${x}`],
    [`x\${memory://nested}x`, `x\${memory://user} and $\${x}x`],
  ])("%j becomes %j", async (text, expected) => {
    expect(await becomes(text)).toBe(expected);
  });

  it.each([
    [`\${unknown://x}`, /no provider is named unknown/],
    [`x \${unknown://x} \${memory://user}`, /no provider is named unknown/],
    [`\${memory://user`, /no } closes the reference at position 0/],
    [`x \${memory://user|upper}`, /unknown filter in the reference at position 2/],
    [`x \${memory://user|raw|raw}`, /unknown filter/],
    [`x \${memory://user?optional}`, /\?optional in the \$\{…\} at position 2/],
    [`x \${memory://a?region=x}`, /in the \$\{…\} at position 2: malformed reference at position 11: an unknown parameter/],
    ["memory://a b", /malformed reference at position 10: white space/],
    ["memory://", /malformed reference at position 9: the path is empty/],
    ["memory://user:hunter2@host", /malformed reference at position 9: what looks like user:password@/],
    [`memory://a/\${memory://user}`, /a \$\{ inside a reference, at position 11/],
    // Positions are those in the file, also behind what is taken out.
    ["memory://a?default=hunter2&region=x", /malformed reference at position 27: an unknown parameter/],
    ["memory://a?default=hunter2#x%", /malformed reference at position 28: a % that starts no escape/],
    ["memory://a?default=hunter2%zz", /malformed reference at position 11: a default with a broken escape/],
    ["memory://a?optional&default=hunter2", /position 20: more than one of optional and default/],
    ["memory://a?default=x&default=hunter2", /position 21: more than one of optional and default/],
    ["memory://a?optional=1", /position 11: a malformed optional/],
    ["memory://a?default", /position 11: a malformed default/],
  ])("%j is refused where it stands, without its text", async (text, message) => {
    const error = await refused(text);
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toMatch(/^object it: invalid-argument: /);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
    expect(inspect(error)).not.toContain("hunter2");
  });

  it("is fetched with its version, and a default after it is decoded", async () => {
    expect(await becomes("memory://gone?version=1&default=%E2%9C%93+%26%23x#f")).toBe("✓+&#x");
    expect(await becomes("memory://user?version=1&default=x")).toBe("app");
  });

  it("cannot put half a character into a URL", async () => {
    expect((await refused(`https://\${memory://half#text}`)).code).toBe("decode");
  });
});

describe("a URL with values in it", () => {
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("p@ss/w#1%41?", "..", "%2e", "a b", "+&=;", "日本", "\\", "[::1]"),
  );

  it("gives every user, password, path and query to a real URL parser as they were", async () => {
    await fc.assert(
      fc.asyncProperty(part, part, part, part, async (user, password, segment, query) => {
        const { secrets } = memorySecrets({ user, password, segment: `s${segment}`, query });
        const it = `postgres://\${memory://user}:\${memory://password}@db.internal:5432/\${memory://segment}?q=\${memory://query}#end`;
        const config = await loadConfig({ secrets, sources: [fromObject({ it })], schema });
        const url = new URL(config.it.text());
        expect([url.host, url.hash]).toEqual(["db.internal:5432", "#end"]);
        expect(decodeURIComponent(url.username)).toBe(user);
        expect(decodeURIComponent(url.password)).toBe(password);
        expect(decodeURIComponent(url.pathname)).toBe(`/s${segment}`);
        expect(url.searchParams.get("q")).toBe(query);
        await secrets.close();
      }),
      { numRuns: runs },
    );
  }, 240_000);

  it("breaks in the hands of a naive loader that puts values in as they are", () => {
    const broken = fc.sample(part, { numRuns: 1000, seed: 1 }).filter((password) => {
      try {
        const url = new URL(`postgres://app:${password}@db.internal:5432/app`);
        return decodeURIComponent(url.password) !== password || url.host !== "db.internal:5432";
      } catch {
        return true;
      }
    });
    console.log(`URL templates: 0 of ${runs} broken; naive substitution: ${broken.length} of 1000 passwords broken`);
    expect(broken.length).toBeGreaterThan(50);
  });
});

describe("text without references", () => {
  it(`comes through as it is, but for $\${`, async () => {
    const { secrets } = memorySecrets({});
    const text = fc
      .string({ unit: "binary" })
      .filter((one) => !/^(memory|other):\/\/|\$\{[A-Za-z][A-Za-z0-9+._-]*:\/\//.test(one));
    await fc.assert(
      fc.asyncProperty(text, async (it) => {
        const config = await loadConfig({ secrets, sources: [fromObject({ it })], schema, literals: ["it"] });
        expect(config.it.text()).toBe(it.replaceAll(`$\${`, `\${`));
      }),
      { numRuns: runs },
    );
  }, 120_000);
});

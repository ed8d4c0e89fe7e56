import { formatReference, parseReference, type Reference, SecretsError } from "@keyhold/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const runs = Number(process.env.KEYHOLD_RUNS ?? 2000);
const part = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => !/\p{Cc}/u.test(text));
const path = part.filter((text) => !text.split("/").some((segment) => segment === "." || segment === ".."));
const field = fc.oneof(
  fc.constant(""),
  part.filter((text) => !text.startsWith("/")),
  fc.array(part).map((keys) => keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")),
);
const selector = fc.oneof(fc.constant({}), fc.record({ version: part }), fc.record({ stage: part }));
const reference: fc.Arbitrary<Reference> = fc
  .record({
    provider: fc.stringMatching(/^[A-Za-z][A-Za-z0-9+._-]{0,20}$/),
    path,
    selector,
    field: fc.option(field, { nil: undefined }),
  })
  .map(({ selector: selected, field: name, ...rest }) => ({
    ...rest,
    ...selected,
    ...(name === undefined ? {} : { field: name }),
  }));

function refusal(text: string): SecretsError {
  try {
    parseReference(text);
  } catch (error) {
    if (error instanceof SecretsError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe("a reference", () => {
  it("survives formatting and parsing", () => {
    fc.assert(
      fc.property(reference, (made) => {
        expect(parseReference(formatReference(made))).toEqual(made);
      }),
      { numRuns: runs },
    );
  });

  it("is refused with a position and without its text, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", minLength: 4, maxLength: 60 }),
        fc.constantFrom("", "aws://", "aws://a?", "aws://u:"),
        (tail, head) => {
          const canary = "C4N4RY";
          const text = `${head}${canary}${tail}`;
          try {
            const parsed = parseReference(text);
            expect(parseReference(formatReference(parsed))).toEqual(parsed);
          } catch (error) {
            expect(error).toBeInstanceOf(SecretsError);
            expect((error as SecretsError).message).toMatch(/^malformed reference at position \d+: /);
            expect(JSON.stringify(error)).not.toContain(canary);
          }
        },
      ),
      { numRuns: runs },
    );
  });

  it("keeps case and has no authority", () => {
    expect(parseReference("aws://Prod/OpenAI#apiKey")).toEqual({ provider: "aws", path: "Prod/OpenAI", field: "apiKey" });
    expect(parseReference("aws://arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf").path).toContain(":secret:db-");
    expect(parseReference("vault://secret/app#/db/password").field).toBe("/db/password");
    expect(parseReference("aws://a?version=1#")).toEqual({ provider: "aws", path: "a", version: "1", field: "" });
    expect(parseReference("aws://a?stage=AWSPREVIOUS").stage).toBe("AWSPREVIOUS");
    expect(parseReference("aws://a%20b%23c%3Fd").path).toBe("a b#c?d");
    expect(parseReference("aws://a#b?c").field).toBe("b?c");
  });

  it.each([
    ["", 0],
    ["prod/db", 0],
    ["://x", 0],
    ["1aws://x", 0],
    ["aws://", 6],
    ["aws://?version=1", 6],
    ["aws://a/../b", 6],
    ["aws://a/%2e%2e/b", 6],
    ["aws://a b", 7],
    ["aws://a\n", 7],
    ["aws://a%0a", 6],
    ["aws://a%zz", 7],
    ["aws://a%ff", 7],
    ["aws://user:pass@host/path", 6],
    ["aws://a?token=abc", 8],
    ["aws://a?version=", 8],
    ["aws://a?version=1&stage=b", 18],
    ["aws://a?version=1&version=2", 18],
    ["aws://a#/x~2", 8],
    ["aws://a?optional", 8],
  ])("%j is refused at position %i", (text, position) => {
    const error = refusal(text);
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain(`position ${position}:`);
    expect(error.hint).toBeTruthy();
  });
});

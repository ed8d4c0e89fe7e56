import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../../..");
const guide = readFileSync(path.join(root, "docs/adding-a-provider.md"), "utf8");
const quotes = [...guide.matchAll(/^<!-- (\S+) -->\n```\w+\n(.*?)^```/gms)].map(([, file, code]) => ({ file, code }));

it.each(quotes)("the guide to writing a provider shows $file as it is", ({ file, code }) => {
  expect(code).toBe(readFileSync(path.join(root, file ?? ""), "utf8"));
});

it("the guide shows the driver and its test file", () => {
  expect(quotes.map(({ file }) => path.basename(file ?? ""))).toEqual(["shelf.ts", "shelf.test.ts"]);
});

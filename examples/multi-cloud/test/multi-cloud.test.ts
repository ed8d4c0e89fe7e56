import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const providers = ["aws", "azure", "gcp", "vault", "conjur", "kubernetes", "local"];

it("reads one config from six backends and the local store, and shows no value", async () => {
  const main = path.join(import.meta.dirname, "../main.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@keyhold/source", main]);
  const lines = stdout.split("\n");
  const heading = lines.findIndex((line) => line.startsWith("PROVIDER"));
  const rows = lines.slice(heading + 1, heading + 1 + providers.length).map((line) => line.split(/ {2,}/));
  expect(lines[heading]?.split(/ {2,}/)).toEqual(["PROVIDER", "KIND", "REFERENCE", "VERSION", "AGE", "MILLISECONDS"]);
  expect(rows.map(([provider]) => provider)).toEqual(providers);
  for (const [provider, kind, reference, version, age, milliseconds] of rows) {
    expect(provider === "kubernetes" ? ["kubernetes", "kubernetes-volume"] : [provider]).toContain(kind);
    expect(reference?.startsWith(`${provider}://`)).toBe(true);
    expect(version).toMatch(/^[\w:+/=-]+$/);
    expect(age).toMatch(/^\d+\.\d s$/);
    expect(Number(milliseconds)).toBeGreaterThan(0);
  }
  expect(stdout).toContain("database: { url: ⟦secret⟧ }");
  expect(stdout).not.toMatch(/sk-|postgres:/);
});

import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { releaseNotes } from "../../scripts/release-notes.ts";
import { read, repositoryFiles } from "./files.ts";

describe("the changelog", () => {
  const changelog = read("CHANGELOG.md");

  it("starts with what is not released yet, and names every other version with its date, newest first", () => {
    const headings = [...changelog.matchAll(/^## (.*)$/gm)].map((match) => match[1] ?? "");
    expect(headings[0]).toBe("[Unreleased]");
    const dates = headings.slice(1).map((heading) => /^\[\d+\.\d+\.\d+\] - (\d{4}-\d{2}-\d{2})$/.exec(heading)?.[1]);
    expect(dates).not.toContain(undefined);
    expect(dates).toEqual([...dates].sort().reverse());
  });

  it("groups its entries under the headings of Keep a Changelog", () => {
    const groups = [...changelog.matchAll(/^### (.*)$/gm)].map((match) => match[1]);
    const known = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];
    expect(groups.filter((group) => !known.includes(group ?? ""))).toEqual([]);
  });
});

describe("release notes", () => {
  const changelog = "# C\n\n## [Unreleased]\n\n## [1.2.0] - 2030-01-02\n\n### Added\n\n- a\n\n## [1.1.0]\n\n- b\n";

  it("are the section of that version alone", () => {
    expect(releaseNotes(changelog, "1.2.0")).toBe("### Added\n\n- a");
  });

  it.each(["1.1.0", "1.3.0"])("are refused for %s, which is not ready", (version) => {
    expect(() => releaseNotes(changelog, version)).toThrow(version);
  });
});

describe("the workflows", () => {
  const workflows = repositoryFiles().filter((name) => name.startsWith(".github/workflows/"));
  const texts = workflows.map((name) => [name, read(name)] as const);

  it("name every action by its commit", () => {
    const uses = texts.flatMap(([, text]) => [...text.matchAll(/uses: (.*)$/gm)].map((match) => match[1] ?? ""));
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((used) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v[\d.]+$/.test(used))).toEqual([]);
  });

  it("give the identity that publishes to a job that neither checks out nor installs", () => {
    const { jobs } = parse(read(".github/workflows/release.yml")) as {
      jobs: Record<string, { permissions?: Record<string, string>; steps: { uses?: string; run?: string }[] }>;
    };
    const trusted = Object.values(jobs).filter(({ permissions }) => permissions?.["id-token"] === "write");
    expect(trusted.length).toBe(1);
    for (const { uses = "", run = "" } of trusted[0]?.steps ?? []) {
      expect(uses).not.toContain("checkout");
      expect(run).not.toMatch(/npm (?:ci|install|run)|scripts\//);
    }
    expect(JSON.stringify(trusted)).toContain("--provenance");
  });
});

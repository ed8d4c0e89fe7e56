import { type CheckReport, isSecretsError, type Provider, parseReference, type Secrets, SecretsError } from "@keyhold/core";
import type { CommonOptions } from "../command-options.ts";
import type { AgentsConfig } from "../define-config.ts";
import { formatTable } from "../format-table.ts";
import { printable } from "../printable.ts";
import { withSecrets } from "../with-secrets.ts";
import { writeJson, writeOutput } from "../write-output.ts";

interface Finding {
  readonly provider: string;
  readonly kind: string;
  /** `unknown` where the provider has nothing to ask. */
  readonly reachable: boolean | "unknown";
  readonly report?: CheckReport;
  readonly clockSkewMs?: number;
  readonly certificateDaysLeft?: number;
  readonly error?: SecretsError;
}

const dayMs = 24 * 60 * 60 * 1_000;
/** A signed request is refused, and a token thought expired, when clocks differ by some minutes. */
const skewWorthTellingMs = 60_000;

async function examine(secrets: Secrets<string>, provider: string, configured: Provider | undefined): Promise<Finding> {
  const kind = configured?.kind ?? "–";
  const startedAt = Date.now();
  try {
    const report = await secrets.check(provider);
    const { serverTimeAt, certificateExpiresAt } = report;
    // The server's clock was read somewhere in between.
    const middle = (startedAt + Date.now()) / 2;
    return {
      provider,
      kind,
      reachable: true,
      report,
      ...(serverTimeAt === undefined ? {} : { clockSkewMs: Math.round(middle - serverTimeAt) }),
      ...(certificateExpiresAt === undefined
        ? {}
        : { certificateDaysLeft: Math.floor((certificateExpiresAt - Date.now()) / dayMs) }),
    };
  } catch (error) {
    if (!isSecretsError(error)) throw error;
    if (error.code === "unsupported" && configured?.check === undefined) return { provider, kind, reachable: "unknown" };
    // Whoever says no was reached.
    const reachable = error.code === "permission-denied" || error.code === "unauthenticated";
    return { provider, kind, reachable, error };
  }
}

/** The rules for agents, which are otherwise not looked at before `keyhold mcp serve` starts. */
async function examineRules(secrets: Secrets<string>, agents: AgentsConfig, providers: readonly string[]): Promise<Finding> {
  const finding: Finding = { provider: "(agents)", kind: "egress rules", reachable: "unknown" };
  try {
    const { secretFetch } = await import("@keyhold/agents");
    secretFetch({ ...agents, secrets });
    for (const { reference } of agents.allow) {
      const { provider } = parseReference(reference);
      if (!providers.includes(provider)) {
        throw new SecretsError("invalid-argument", `a rule names the provider ${provider}, which the config does not have`, {
          hint: `Providers: ${providers.join(", ")}.`,
        });
      }
    }
    return finding;
  } catch (error) {
    if (!isSecretsError(error)) throw error;
    return { ...finding, error };
  }
}

function skew(clockSkewMs: number | undefined): string {
  if (clockSkewMs === undefined) return "–";
  if (Math.abs(clockSkewMs) < skewWorthTellingMs) return "right";
  const seconds = Math.round(Math.abs(clockSkewMs) / 1_000);
  return `${seconds} s ${clockSkewMs > 0 ? "ahead" : "behind"}`;
}

function rowOf({ provider, kind, reachable, report, clockSkewMs, certificateDaysLeft, error }: Finding): readonly string[] {
  const reached = reachable === "unknown" ? "nothing to ask" : reachable ? "yes" : "no";
  const may = (report?.permissions ?? []).map(({ path, actions }) => `${path}: ${actions.join(", ") || "nothing"}`).join("; ");
  const certificate = certificateDaysLeft === undefined ? "–" : `${certificateDaysLeft} days`;
  return [provider, kind, error?.code ?? reached, report?.principal ?? "–", may || "–", skew(clockSkewMs), certificate];
}

/**
 * Asks each provider, or those that are named, and prints what it found; without names also whether the rules for agents hold up.
 * Gives the exit status: 1 when one of them fails.
 */
export async function doctor(names: readonly string[], options: CommonOptions): Promise<number> {
  return withSecrets(options, async ({ config, secrets }) => {
    const wanted = names.length === 0 ? Object.keys(config.providers) : names;
    const findings = await Promise.all(wanted.map((name) => examine(secrets, name, config.providers[name])));
    if (names.length === 0 && config.agents !== undefined) {
      findings.push(await examineRules(secrets, config.agents, Object.keys(config.providers)));
    }
    const failed = findings.filter(({ error }) => error !== undefined);
    if (options.json) await writeJson(findings);
    else {
      const heading = ["PROVIDER", "KIND", "REACHABLE", "SIGNED IN AS", "MAY", "CLOCK", "CERTIFICATE"];
      const notes = findings.flatMap(({ provider, report, error }) => [
        ...(report?.notes ?? []).map((note) => `${provider}: ${printable(note)}\n`),
        ...(error ? [`${provider}: ${printable(error.message)}\n${error.hint ? `  hint: ${printable(error.hint)}\n` : ""}`] : []),
      ]);
      await writeOutput(`${formatTable(heading, findings.map(rowOf))}${notes.length > 0 ? "\n" : ""}${notes.join("")}`);
    }
    return failed.length === 0 ? 0 : 1;
  });
}

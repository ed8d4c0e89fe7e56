import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSecrets, secret } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import pg from "pg";
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { startPostgres } from "../../../test/servers/postgres/start-postgres.ts";
import { rotate } from "../rotate.ts";

it("rotates a login, which works, and a webhook's keys; and what failed in the next attempt alone", async () => {
  const postgres = await startPostgres();
  const folder = await mkdtemp(path.join(tmpdir(), "keyhold-job-"));
  try {
    const admin = new pg.Client(postgres.url);
    await admin.connect();
    await admin.query("create role app login password 'the-first-one'");
    await admin.end();
    const login = {
      username: "app",
      password: "the-first-one",
      host: "127.0.0.1",
      port: String(postgres.port),
      dbname: "postgres",
    };
    const provider = memory({ fields: true, secrets: { "prod/db": login, "prod/webhook": { current: "b25l" } } });
    const secrets = createSecrets({ providers: { kubernetes: provider } });
    const journal = path.join(folder, "journal");
    const first = await rotate(secrets, { admin: async () => secret("no login"), journal });
    expect([first.rotated.length, first.failed.map(({ error }) => error.code)]).toEqual([1, ["decode"]]);
    const second = await rotate(secrets, { admin: async () => secret(postgres.url), journal });
    expect([second.rotated.length, second.skipped, second.failed]).toEqual([1, ["kubernetes://prod/webhook"], []]);
    const now = (await secrets.get("kubernetes://prod/db")).json() as typeof login;
    const client = new pg.Client({ ...now, user: now.username, database: now.dbname, port: Number(now.port) });
    await client.connect();
    await client.end();
    await secrets.close();
  } finally {
    await postgres.close();
    await rm(folder, { recursive: true });
  }
});

it("comes as a job whose account may do what that takes", () => {
  const [job, account, role, binding] = parseAllDocuments(readFileSync(new URL("../cronjob.yaml", import.meta.url), "utf8")).map(
    (document) => document.toJS(),
  );
  expect([job, account, role, binding].map(({ kind }) => kind)).toEqual(["CronJob", "ServiceAccount", "Role", "RoleBinding"]);
  expect(job.spec.jobTemplate.spec.template.spec.serviceAccountName).toBe(account.metadata.name);
  expect(binding.subjects[0].name).toBe(account.metadata.name);
  expect(role.rules[0].resourceNames).toEqual(["db", "webhook"].flatMap((name) => [name, `${name}-keyhold-pending`]));
});

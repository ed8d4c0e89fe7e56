import { afterEach, expect, it } from "vitest";
import { type AppParts, createApp } from "../app.ts";

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const login = { field: "database.login", reference: "vault://database/creds/app#", version: "lease-1", ageMs: 5, leftMs: 60_000 };

/** The app, with parts of its own replaced. */
function start(parts: Partial<AppParts> = {}) {
  const app = createApp({
    model: { name: "churn", version: 1 },
    inference: { url: "http://127.0.0.1:9", timeoutMs: 1_000 },
    apiKey: () => "sk-canary",
    query: async () => ({ rows: [{ orders: 1, days_idle: 2 }] }),
    secrets: () => [login],
    counts: () => ({ connections: 3 }),
    ...parts,
  });
  open.push(app);
  return app;
}

const refuses = async () => {
  throw Object.assign(new Error("canary-password"), { code: "28P01" });
};

it("tells reference, version, age and lease of each secret, alive and ready", async () => {
  const app = start();
  expect((await app.inject("/healthz")).json()).toEqual({ status: "ok", secrets: [login] });
  const ready = await app.inject("/readyz");
  expect(ready.statusCode).toBe(200);
  expect(ready.json()).toMatchObject({ ready: true, database: "ok", secrets: [login], connections: 3 });
});

it("is alive and not ready while the database refuses its login, and shows the code alone", async () => {
  const app = start({ query: refuses });
  expect((await app.inject("/healthz")).statusCode).toBe(200);
  for (const path of ["/readyz", "/score/1"]) {
    const answer = await app.inject(path);
    expect([path, answer.statusCode]).toEqual([path, path === "/readyz" ? 503 : 502]);
    expect(answer.body).toContain("28P01");
    expect(answer.body).not.toContain("canary");
  }
});

it("is not ready once a lease is over", async () => {
  const answer = await start({ secrets: () => [{ ...login, leftMs: 0 }] }).inject("/readyz");
  expect([answer.statusCode, answer.json().lapsed]).toEqual([503, ["database.login"]]);
});

it("answers what failed where nobody takes its call, and a customer who is none with 400 and 404", async () => {
  const failed = await start().inject("/score/1");
  expect([failed.statusCode, failed.json().failed]).toEqual([502, "inference"]);
  expect(failed.body).not.toContain("canary");
  expect((await start().inject("/score/nobody")).statusCode).toBe(400);
  expect((await start({ query: async () => ({ rows: [] }) }).inject("/score/1")).statusCode).toBe(404);
});

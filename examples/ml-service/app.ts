import Fastify, { type FastifyInstance } from "fastify";

/** Where one secret comes from, which version of it is in use, and since when. Never a value. */
export interface SecretState {
  readonly field: string;
  readonly reference: string;
  readonly version: string | undefined;
  readonly ageMs: number | undefined;
  /** How much longer its lease lasts, where it has one. */
  readonly leftMs?: number;
}

export interface AppParts {
  /** The model, as the registry describes it. */
  readonly model: { readonly name: string; readonly version: number };
  readonly inference: { readonly url: string; readonly timeoutMs: number };
  /** Asked at each request. */
  apiKey(): string;
  query(text: string, values: readonly unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
  secrets(): readonly SecretState[];
  /** Counts that are of use to whoever operates it. */
  counts(): Readonly<Record<string, unknown>>;
}

/** The HTTP side: each score is one query for features and one call with the key, tried once. */
export function createApp(parts: AppParts): FastifyInstance {
  // Longer than any load balancer's, so that it is never we who close a connection on which a request is coming.
  const app = Fastify({ keepAliveTimeout: 620_000, forceCloseConnections: "idle" });
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
  });

  const schema = { params: { type: "object", properties: { customer: { type: "integer" } } } };
  app.get<{ Params: { customer: number } }>("/score/:customer", { schema }, async ({ params }, reply) => {
    let features: Record<string, unknown> | undefined;
    try {
      const { rows } = await parts.query("select orders, days_idle from features where customer = $1", [params.customer]);
      features = rows[0];
    } catch (error) {
      return reply.code(502).send({ failed: "database", code: codeOf(error) });
    }
    if (features === undefined) return reply.code(404).send({ failed: "no such customer" });
    try {
      const answer = await fetch(`${parts.inference.url}/score`, {
        method: "POST",
        headers: { authorization: `Bearer ${parts.apiKey()}`, "content-type": "application/json" },
        body: JSON.stringify({ model: parts.model.name, features }),
        signal: AbortSignal.timeout(parts.inference.timeoutMs),
      });
      const body = (await answer.json()) as { score?: number };
      if (!answer.ok) return reply.code(502).send({ failed: "inference", code: answer.status });
      return { customer: params.customer, score: body.score, model: parts.model };
    } catch (error) {
      return reply.code(502).send({ failed: "inference", code: codeOf(error) });
    }
  });

  // Alive: the process answers. Whoever restarts it for anything else makes an outage of somebody else's a restart of ours.
  app.get("/healthz", async () => ({ status: "ok", secrets: parts.secrets() }));

  // Ready: it is not on its way out, every lease lasts, and the database answers under the login of the moment. That OpenBao is down
  // is no reason to be taken out: what is held serves on.
  app.get("/readyz", async (_request, reply) => {
    const secrets = parts.secrets();
    const lapsed = secrets.filter(({ leftMs }) => leftMs !== undefined && leftMs <= 0).map(({ field }) => field);
    const database = await parts.query("select 1", []).then(
      () => "ok",
      (error) => codeOf(error),
    );
    const ready = !closing && lapsed.length === 0 && database === "ok";
    return reply.code(ready ? 200 : 503).send({ ready, closing, lapsed, database, secrets, ...parts.counts() });
  });
  return app;
}

/** What may be shown of an error: its code, as messages may quote what they were given. */
function codeOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: { readonly code?: unknown } };
  return String(code ?? cause?.code ?? "unknown");
}

// Whoever is called with the secrets: an inference API that checks the key of each call, and a model registry that checks its token.
// It knows no secret, only digests: FIRST_KEY_DIGEST and REGISTRY_TOKEN_DIGEST. OVERLAP_MS is how long a retired key still works.
import { createHash, timingSafeEqual } from "node:crypto";
import Fastify, { type FastifyRequest } from "fastify";

const digest = (text: string) => createHash("sha256").update(text).digest();
const given = ({ headers }: FastifyRequest) => digest(headers.authorization?.replace(/^Bearer /, "") ?? "");
const overlapMs = Number(process.env.OVERLAP_MS);
const registryToken = Buffer.from(process.env.REGISTRY_TOKEN_DIGEST ?? "", "hex");
const keys = [{ digest: Buffer.from(process.env.FIRST_KEY_DIGEST ?? "", "hex"), endsAt: Number.POSITIVE_INFINITY }];
const models = new Map([["churn", { name: "churn", version: 1, weights: [0.4, 0.02] }]]);
const app = Fastify({ keepAliveTimeout: 620_000 });

/** The key of a request, if it is one of ours and not over. */
const keyOf = (request: FastifyRequest) => {
  const wanted = given(request);
  return keys.find((key) => timingSafeEqual(key.digest, wanted) && Date.now() < key.endsAt);
};

app.register(async (inference) => {
  inference.addHook("onRequest", async (request, reply) => {
    if (keyOf(request) === undefined) return reply.code(401).send({ error: "unknown API key" });
  });
  inference.post<{ Body: { features: { orders: number; days_idle: number } } }>("/score", async ({ body }) => {
    const [perOrder = 0, perDay = 0] = models.get("churn")?.weights ?? [];
    return { score: 1 / (1 + Math.exp(body.features.orders * perOrder - body.features.days_idle * perDay)) };
  });
  // A new key, by its digest. Announced twice it is still one.
  inference.post<{ Body: { digest: string } }>("/keys", async ({ body }, reply) => {
    const announced = Buffer.from(body.digest, "hex");
    if (!keys.some((key) => key.digest.equals(announced))) keys.push({ digest: announced, endsAt: Number.POSITIVE_INFINITY });
    return reply.code(201).send({});
  });
  // All keys but the one that asks for it end.
  inference.post("/keys/retire", async (request) => {
    const own = keyOf(request);
    for (const key of keys) if (key !== own) key.endsAt = Math.min(key.endsAt, Date.now() + overlapMs);
    return {};
  });
});

app.register(async (registry) => {
  registry.addHook("onRequest", async (request, reply) => {
    if (!timingSafeEqual(registryToken, given(request))) return reply.code(401).send({ error: "unknown token" });
  });
  registry.get<{ Params: { name: string } }>("/models/:name", async ({ params }, reply) => {
    const model = models.get(params.name);
    return model ?? reply.code(404).send({ error: "no such model" });
  });
  registry.post<{ Params: { name: string }; Body: { weights: number[] } }>("/models/:name", async ({ params, body }, reply) => {
    const model = { name: params.name, version: (models.get(params.name)?.version ?? 0) + 1, weights: body.weights };
    models.set(params.name, model);
    return reply.code(201).send(model);
  });
});

console.log(`upstream: ${await app.listen({ port: 0, host: "127.0.0.1" })}`);

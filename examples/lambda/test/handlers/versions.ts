// Says which versions it was given, and how long it waited for them.
import { withSecrets } from "@keyhold/aws/lambda";

const startedAt = Date.now();

const references = { apiKey: "aws://prod/openai#apiKey", signingKey: "aws://prod/webhook" } as const;

export const handler = withSecrets(
  references,
  async (_event: unknown, _context, { apiKey, signingKey }) => ({
    apiKey: apiKey.version,
    signingKey: signingKey.version,
    sinceStartMs: Date.now() - startedAt,
  }),
  { maxAgeMs: Number(process.env.MAX_AGE_MS ?? 180_000) },
);

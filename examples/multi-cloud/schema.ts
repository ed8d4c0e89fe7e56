import { secret } from "keyhold";
import { z } from "zod";

/** What the service works with: typed, and whatever is secret prints as ⟦secret⟧. */
export const schema = z.object({
  model: z.string(),
  openai: z.object({ apiKey: z.string().startsWith("sk-").transform(secret) }),
  search: z.object({ apiKey: z.string().transform(secret) }),
  embeddings: z.object({ apiKey: z.string().transform(secret) }),
  database: z.object({ url: z.url().transform(secret) }),
  queue: z.object({ password: z.string().transform(secret) }),
  webhook: z.object({ token: z.string().transform(secret) }),
  session: z.object({ key: z.string().min(32).transform(secret) }),
});

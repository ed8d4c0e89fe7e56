// The same as a middleware of middy.
import { secretsMiddleware } from "@keyhold/aws/lambda";
import middy from "@middy/core";

export const handler = middy<{ readonly prompt: string }>()
  .use(secretsMiddleware({ apiKey: "aws://prod/openai#apiKey", signingKey: "aws://prod/webhook" }))
  .handler(async (_event, { secrets }) => ({ apiKey: secrets.apiKey.version, signingKey: secrets.signingKey.version }));

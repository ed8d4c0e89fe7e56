// The function: two secrets by reference, read while the runtime initialises, and never older than two seconds when it is called.
import { createHmac } from "node:crypto";
import { withSecrets } from "@keyhold/aws/lambda";

const references = { apiKey: "aws://prod/openai#apiKey", signingKey: "aws://prod/webhook" } as const;

interface Question {
  readonly prompt: string;
}

export const handler = withSecrets(
  references,
  async ({ prompt }: Question, context, { apiKey, signingKey }) => {
    const headers = { authorization: `Bearer ${apiKey.text()}`, "content-type": "text/plain" };
    const answer = await fetch(process.env.MODEL_URL ?? "", { method: "POST", headers, body: prompt });
    const body = await answer.text();
    const signature = createHmac("sha256", signingKey.bytes()).update(body).digest("hex");
    console.log(context.awsRequestId, answer.status, apiKey);
    return { statusCode: answer.status, headers: { "x-signature": signature }, body };
  },
  // So short for this example alone; the default, three minutes, asks AWS seldom.
  { maxAgeMs: 2_000 },
);

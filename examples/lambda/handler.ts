// The function: two secrets by reference, read while the runtime initialises, new within seconds of a rotation.
import { createHmac } from "node:crypto";
import { withSecrets } from "@keyhold/aws/lambda";

const references = { apiKey: "aws://prod/openai#apiKey", signingKey: "aws://prod/webhook" } as const;

interface Question {
  readonly prompt: string;
}

export const handler = withSecrets(references, async ({ prompt }: Question, context, { apiKey, signingKey }) => {
  const answer = await fetch(process.env.MODEL_URL ?? "", {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey.text()}`, "content-type": "text/plain" },
    body: prompt,
  });
  const body = await answer.text();
  const signature = createHmac("sha256", signingKey.bytes()).update(body).digest("hex");
  console.log(context.awsRequestId, answer.status, apiKey);
  return { statusCode: answer.status, headers: { "x-signature": signature }, body };
});

// Checked by the type checker alone: what must not compile is marked, and an unused mark is an error.
import { secretsMiddleware, withSecrets } from "@keyhold/aws/lambda";
import { createSecrets, type Secret } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import middy from "@middy/core";
import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2, Context, Handler, SQSEvent } from "aws-lambda";

const references = { apiKey: "aws://prod/openai#apiKey", password: "aws://prod/db#password" } as const;

// What AWS's own types call a handler takes what withSecrets gives.
export const http: Handler<APIGatewayProxyEventV2, APIGatewayProxyResultV2> = withSecrets(
  references,
  async (event: APIGatewayProxyEventV2, context: Context, { apiKey, password }) => {
    const both: readonly Secret[] = [apiKey, password];
    return { statusCode: 200, body: `${event.rawPath} ${context.awsRequestId} ${both.length}` };
  },
);

export const queue: (event: SQSEvent, context: Context) => Promise<void> = withSecrets(
  ["aws://prod/openai#apiKey"],
  async (_event: SQSEvent, _context, [apiKey]) => {
    apiKey.text();
  },
);

withSecrets(references, (_event, _context, secrets) => {
  // @ts-expect-error it was not asked for
  return secrets.token;
});
// @ts-expect-error the default client knows `aws` alone
withSecrets({ apiKey: "vault://secret/openai#apiKey" }, () => undefined);
// @ts-expect-error the one named b
withSecrets({ a: "aws://a", b: "awz://b" }, () => undefined);

const secrets = createSecrets({ providers: { vault: memory(), billing: memory() } });
withSecrets({ key: "vault://a", other: "billing://b" }, (_event, _context, { key, other }) => key.equals(other), { secrets });
// @ts-expect-error that client has no `aws`
withSecrets({ key: "aws://a" }, () => undefined, { secrets });

// middy's own types know what the middleware adds.
export const overMiddy = middy<SQSEvent>()
  .use(secretsMiddleware(references))
  .handler(async (event, context) => {
    const key: Secret = context.secrets.apiKey;
    // @ts-expect-error it was not asked for
    context.secrets.token;
    return [event.Records.length, key.text().length, context.awsRequestId];
  });
// @ts-expect-error
secretsMiddleware(["awz://x"]);

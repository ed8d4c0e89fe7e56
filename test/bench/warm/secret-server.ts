// GetSecretValue and BatchGetSecretValue over HTTP, ready-made, after a delay: node secret-server.ts DELAY_MS. A load target in a process
// of its own, and no check of what is asked.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const delayMs = Number(process.argv[2]);

const answerFor = (name: string) => ({
  ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-a1b2c3`,
  CreatedDate: 1_780_000_000,
  Name: name,
  SecretString: `value of ${name}`,
  VersionId: "11111111-2222-4333-8444-555555555555",
  VersionStages: ["AWSCURRENT"],
});

const server = createServer(async (request, response) => {
  const arrivedAt = performance.now();
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  const body = JSON.parse(text) as { SecretId: string; SecretIdList?: string[] };
  const answer = body.SecretIdList ? { Errors: [], SecretValues: body.SecretIdList.map(answerFor) } : answerFor(body.SecretId);
  const send = () => response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(answer));
  if (delayMs === 0) send();
  else setTimeout(send, Math.max(0, delayMs - (performance.now() - arrivedAt)));
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit());

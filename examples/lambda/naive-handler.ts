// Its naive twin: AWS's SDK, and the key read once, while the runtime initialises.
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const client = new SecretsManagerClient({});
const secret = client.send(new GetSecretValueCommand({ SecretId: "prod/openai" }));

export const handler = async ({ prompt }: { readonly prompt: string }): Promise<object> => {
  const { apiKey } = JSON.parse((await secret).SecretString ?? "{}");
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "text/plain" };
  const answer = await fetch(process.env.MODEL_URL ?? "", { method: "POST", headers, body: prompt });
  return { statusCode: answer.status, body: await answer.text() };
};

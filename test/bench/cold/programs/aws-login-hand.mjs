import { awsCall } from "./aws-by-hand.mjs";
import { request } from "./by-hand.mjs";

export async function first() {
  const { json } = await request({ plain: true, port: process.env.COLD_HTTP, path: "/container-credentials" });
  const keys = { accessKeyId: json.AccessKeyId, secretAccessKey: json.SecretAccessKey, sessionToken: json.Token };
  return (await awsCall("GetSecretValue", { SecretId: "prod/app" }, keys)).json.SecretString;
}

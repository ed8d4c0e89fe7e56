import { request } from "./by-hand.mjs";

const headers = { "x-aws-parameters-secrets-token": "bench" };
const path = "/secretsmanager/get?secretId=prod%2Fapp";

export const first = async () => (await request({ plain: true, port: process.env.COLD_HTTP, path, headers })).json.SecretString;

import { request } from "./by-hand.mjs";

const port = process.env.COLD_HTTPS;
const headers = { "x-vault-token": "bench-token", "x-vault-request": "true" };

export async function first() {
  await request({ port, path: "/v1/auth/token/lookup-self", headers });
  return (await request({ port, path: "/v1/secret/data/app", headers })).json.data.data.key;
}

import { request } from "./by-hand.mjs";

const port = process.env.COLD_HTTPS;

export async function first() {
  const headers = { "content-type": "application/json", "x-vault-request": "true" };
  const body = JSON.stringify({ role_id: "role", secret_id: "secret" });
  const { json } = await request({ port, method: "POST", path: "/v1/auth/approle/login", headers, body });
  const signedIn = { "x-vault-token": json.auth.client_token, "x-vault-request": "true" };
  return (await request({ port, path: "/v1/secret/data/app", headers: signedIn })).json.data.data.key;
}

import { request } from "./by-hand.mjs";

const path = "/v1/projects/bench-project/secrets/app/versions/latest:access";
const metadata = "/computeMetadata/v1/instance/service-accounts/default/token";

export async function first() {
  const flavor = { "metadata-flavor": "Google" };
  const token = await request({ plain: true, port: process.env.COLD_HTTP, path: metadata, headers: flavor });
  const headers = { authorization: `Bearer ${token.json.access_token}` };
  const { json } = await request({ port: process.env.COLD_HTTPS, path, headers });
  return Buffer.from(json.payload.data, "base64").toString();
}

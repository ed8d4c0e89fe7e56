import { request } from "./by-hand.mjs";

const path = "/v1/projects/bench-project/secrets/app/versions/latest:access";

export async function first() {
  const headers = { authorization: "Bearer bench-token" };
  const { json } = await request({ port: process.env.COLD_HTTPS, path, headers });
  return Buffer.from(json.payload.data, "base64").toString();
}

import { request } from "./by-hand.mjs";

const port = process.env.COLD_HTTPS;
const path = "/secrets/app?api-version=7.6";

export async function first() {
  const headers = { authorization: "Bearer bench-token" };
  // Any vault but a well-known one says first whom a token has to be for.
  await request({ port, path });
  return (await request({ port, path, headers })).json.value;
}

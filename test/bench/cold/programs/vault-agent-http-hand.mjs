import { request } from "./by-hand.mjs";

const headers = { "x-vault-request": "true" };

export const first = async () =>
  (await request({ plain: true, port: process.env.COLD_HTTP, path: "/v1/secret/data/app", headers })).json.data.data.key;

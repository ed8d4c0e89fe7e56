import type { Secrets } from "@keyhold/core";
import { tool } from "@langchain/core/tools";
import pg from "pg";
import { type AwsKeys, signedHeaders } from "./aws-signature.ts";
import { descriptions, type Places } from "./tools.ts";

/** The same tools as they are usually written: with the values themselves, read when the program starts. */
export async function naiveTools(secrets: Secrets<"local" | "vault">, { database, bucket, inventory }: Places) {
  const login = await secrets.get("vault://database/creds/reader");
  const keys = (await secrets.get("local://bucket")).json() as unknown as AwsKeys;
  const token = (await secrets.get("local://inventory")).text();
  const { host, port, database: name } = database;
  const connectionString = `postgres://${login.field("username").text()}:${login.field("password").text()}@${host}:${port}/${name}`;

  const findOrders = tool(async ({ customer }) => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    try {
      const { rows } = await client.query("select item, total from orders where customer = $1", [customer]);
      return JSON.stringify(rows);
    } catch (error) {
      // Whoever reads the log will want to know which database it was.
      throw new Error(`${connectionString}: ${(error as Error).message}`);
    } finally {
      await client.end();
    }
  }, descriptions.findOrders);

  const readDocument = tool(async ({ key }) => {
    const url = new URL(`${bucket}/${encodeURIComponent(key)}`);
    const answer = await fetch(url, { headers: signedHeaders(url, keys) });
    return answer.text();
  }, descriptions.readDocument);

  const askInventory = tool(async ({ path }) => {
    const answer = await fetch(new URL(path, inventory), { headers: { authorization: `Bearer ${token}` } });
    return answer.text();
  }, descriptions.askInventory);

  return [findOrders, readDocument, askInventory];
}

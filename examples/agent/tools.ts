import type { SecretFetch } from "@keyhold/agents";
import type { Secrets } from "@keyhold/core";
import { tool } from "@langchain/core/tools";
import pg from "pg";
import { z } from "zod";

/** Where things are. None of it is secret. */
export interface Places {
  readonly database: { readonly host: string; readonly port: number; readonly database: string };
  readonly bucket: string;
  readonly inventory: string;
}

/** What each tool is called and takes. The model is told this, and nothing else. */
export const descriptions = {
  findOrders: { name: "find_orders", description: "Finds orders.", schema: z.object({ customer: z.string() }) },
  readDocument: { name: "read_document", description: "Reads a document.", schema: z.object({ key: z.string() }) },
  askInventory: { name: "ask_inventory", description: "Asks the inventory.", schema: z.object({ path: z.string() }) },
} as const;

const Login = z.object({ username: z.string(), password: z.string() });
const isAuthError = (error: unknown) => (error as { code?: string }).code === "28P01";

/** The agent's tools. They hold references and placeholders; a value is there while it is used, and only where it is used. */
export function tools(secrets: Secrets<"local" | "vault">, fetch: SecretFetch, { database, bucket, inventory }: Places) {
  // From a database: its login is leased when the tool runs, and replaced where the database no longer takes it.
  const findOrders = tool(({ customer }) => {
    return secrets.use(
      "vault://database/creds/reader",
      async (lease) => {
        const { username, password } = lease.json(Login);
        const client = new pg.Client({ ...database, user: username, password });
        await client.connect();
        try {
          const { rows } = await client.query("select item, total from orders where customer = $1", [customer]);
          return JSON.stringify(rows);
        } finally {
          await client.end();
        }
      },
      { isAuthError },
    );
  }, descriptions.findOrders);

  // From a bucket: the request is signed on its way out, by the rule for that host.
  const readDocument = tool(async ({ key }) => {
    const headers = { authorization: fetch.placeholder("local://bucket") };
    const answer = await fetch(`${bucket}/${encodeURIComponent(key)}`, { headers });
    return answer.text();
  }, descriptions.readDocument);

  // From an API, with a token. Each run may ask it three times.
  const granted = fetch.grant({ tool: "ask_inventory", references: ["local://inventory"], uses: 3 });
  const askInventory = tool(async ({ path }) => {
    const headers = { authorization: `Bearer ${granted.fetch.placeholder("local://inventory")}` };
    const answer = await granted.fetch(new URL(path, inventory), { headers });
    return answer.text();
  }, descriptions.askInventory);

  return [findOrders, readDocument, askInventory];
}

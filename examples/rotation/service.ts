import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Secrets } from "@keyhold/core";
import { postgresPool } from "@keyhold/rotation";
import pg from "pg";

/** Each connection answers a few requests, so that new ones are made all the time. */
const config = { max: 10, maxUses: 5 };

/** The service of this example: its pool signs in with whatever login is current. */
export async function startService(secrets: Secrets<"local">): Promise<Service> {
  return serve(await postgresPool({ pg, secrets, reference: "local://database", config }));
}

/** Its naive twin: the same pool, with the login that was there at the start. */
export async function startNaiveTwin(secrets: Secrets<"local">): Promise<Service> {
  const connectionString = (await secrets.get("local://database")).text();
  return serve(new pg.Pool({ ...config, connectionString }));
}

export interface Service {
  readonly url: string;
  close(): Promise<void>;
}

async function serve(pool: pg.Pool): Promise<Service> {
  const server = createServer(async (_request, response) => {
    try {
      const { rows } = await pool.query("select current_user as role");
      response.end(rows[0].role);
    } catch {
      response.writeHead(502).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.end();
    },
  };
}

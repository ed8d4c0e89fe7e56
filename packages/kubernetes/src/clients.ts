import { type HttpClient, httpClient } from "@keyhold/http";

/** What a connection is made with. */
export interface ConnectionMaterial {
  readonly server: string;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly servername: string | undefined;
  readonly proxy: URL | undefined;
}

interface Held {
  readonly material: ConnectionMaterial;
  readonly client: HttpClient;
  users: number;
}

/** A client in use. `release` is called once. */
export interface Lent {
  readonly client: HttpClient;
  release(): void;
}

export interface Clients {
  lend(material: ConnectionMaterial): Lent;
  close(): void;
}

const isSame = (a: ConnectionMaterial, b: ConnectionMaterial) =>
  a.server === b.server &&
  a.ca === b.ca &&
  a.cert === b.cert &&
  a.key === b.key &&
  a.servername === b.servername &&
  a.proxy?.href === b.proxy?.href;

function open({ server, ca, cert, key, servername, proxy }: ConnectionMaterial): HttpClient {
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(servername === undefined ? {} : { servername }),
  };
  return httpClient({ baseUrl: server, tls, ...(proxy === undefined ? {} : { proxy }) });
}

/** One client while certificates stay the same. When they are renewed, the one before ends with the last call that uses it. */
export function createClients(): Clients {
  const all = new Set<Held>();
  let current: Held | undefined;
  const drop = (held: Held) => {
    if (held === current || held.users > 0) return;
    held.client.close();
    all.delete(held);
  };
  return {
    lend(material) {
      if (current === undefined || !isSame(current.material, material)) {
        const before = current;
        current = { material, client: open(material), users: 0 };
        all.add(current);
        if (before) drop(before);
      }
      const held = current;
      held.users += 1;
      return {
        client: held.client,
        release() {
          held.users -= 1;
          drop(held);
        },
      };
    },
    close() {
      for (const { client } of all) client.close();
      all.clear();
      current = undefined;
    },
  };
}

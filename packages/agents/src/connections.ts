import type { LookupFunction, Socket } from "node:net";
import { SecretsError } from "@keyhold/core";
import type { Agent, buildConnector } from "undici";
import type { AddressPolicy } from "./address-policy.ts";
import { wireTokens } from "./wire-tokens.ts";

/** What a request's tokens stand for, and which origin may be told. */
export interface Filling {
  readonly origin: string;
  readonly text: string;
}

export interface Connections {
  readonly agent: Agent;
  /** Until `release`, connections to the origin write these texts for these tokens. */
  fill(fillings: ReadonlyMap<string, Filling>): { release(): void };
}

export interface ConnectionOptions {
  /** What may be connected to for an origin; undefined: nothing. */
  readonly addressesOf: (origin: string) => AddressPolicy | undefined;
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[];
  readonly lookup?: LookupFunction;
}

const notAllowed = (): SecretsError =>
  new SecretsError("permission-denied", "the host's address is not one that its rule allows", {
    hint: "Only public addresses are connected to, unless the rule names others: addresses: ['10.20.0.0/16'].",
  });

/** Looks a name up, and fails for all of its addresses if one of them may not be connected to. */
function checkedLookup(lookup: LookupFunction, isAllowed: AddressPolicy): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, found, family) => {
      const all = Array.isArray(found) ? found.map(({ address }) => address) : [found];
      if (!error && (all.length === 0 || !all.every(isAllowed))) callback(notAllowed() as NodeJS.ErrnoException, "", 0);
      else callback(error, found as never, family);
    });
  };
}

/** The connections of one `secretFetch`: no proxy, HTTP/1.1, certificates always verified. */
export async function openConnections({ addressesOf, ca, lookup }: ConnectionOptions): Promise<Connections> {
  const undici = await import("undici");
  const { isIP } = process.getBuiltinModule("node:net");
  const resolve = lookup ?? (process.getBuiltinModule("node:dns").lookup as LookupFunction);
  const filled = new Map<string, Filling>();

  const writeValues = (socket: Socket, origin: string) => {
    const write = socket.write;
    const value = (token: string) => {
      const filling = filled.get(token);
      return filling?.origin === origin ? filling.text : token;
    };
    socket.write = function (this: Socket, chunk: unknown, ...rest: unknown[]) {
      const written = typeof chunk === "string" ? chunk.replace(wireTokens, value) : chunk;
      return (write as (...all: unknown[]) => boolean).call(this, written, ...rest);
    } as Socket["write"];
  };

  const connect: buildConnector.connector = (options, callback) => {
    const { protocol, hostname, port } = options;
    const origin = new URL(`${protocol}//${hostname}:${port || (protocol === "https:" ? 443 : 80)}`).origin;
    const address = hostname.replace(/^\[(.*)\]$/, "$1");
    const isAllowed = addressesOf(origin);
    if (isAllowed === undefined || (isIP(address) !== 0 && !isAllowed(address))) return callback(notAllowed(), null);
    const connector = undici.buildConnector({
      lookup: checkedLookup(resolve, isAllowed),
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca: ca as string }),
    } as buildConnector.BuildOptions);
    connector(options, (...[error, socket]: Parameters<buildConnector.Callback>) => {
      if (error !== null || socket === null) return callback(error ?? notAllowed(), null);
      // The address that was looked up may not be the one that was reached.
      if (socket.remoteAddress === undefined || !isAllowed(socket.remoteAddress)) {
        socket.destroy();
        return callback(notAllowed(), null);
      }
      writeValues(socket, origin);
      callback(null, socket);
    });
  };

  return {
    agent: new undici.Agent({ connect, allowH2: false }),
    fill(fillings) {
      for (const [token, filling] of fillings) filled.set(token, filling);
      return {
        release: () => {
          for (const token of fillings.keys()) filled.delete(token);
        },
      };
    },
  };
}

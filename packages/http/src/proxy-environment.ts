import { SecretsError } from "@keyhold/core";
import { isLoopback, type Origin } from "./origin.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const family = (address: string): "ipv4" | "ipv6" | undefined => {
  const version = process.getBuiltinModule("node:net").isIP(address);
  return version === 0 ? undefined : version === 4 ? "ipv4" : "ipv6";
};

function inSubnet(address: string, subnet: string): boolean {
  const [network = "", bits = ""] = subnet.split("/");
  const [own, theirs] = [family(address), family(network)];
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.POSITIVE_INFINITY;
  if (own === undefined || own !== theirs || prefix > (own === "ipv4" ? 32 : 128)) return false;
  const list = new (process.getBuiltinModule("node:net").BlockList)();
  list.addSubnet(network, prefix, own);
  return list.check(address, own);
}

/** Whether one entry of NO_PROXY covers the host. */
function covers(entry: string, { hostname, port }: Pick<Origin, "hostname" | "port">): boolean {
  if (entry === "*") return true;
  if (entry.includes("/")) return inSubnet(hostname, entry);
  // A bare IPv6 address has colons and no port; with one it stands in brackets.
  const parts = family(entry) === "ipv6" ? null : /^(.*):(\d+)$/.exec(entry);
  if (parts !== null && Number(parts[2]) !== port) return false;
  const name = (parts?.[1] ?? entry).replace(/^\[(.*)\]$/, "$1").replace(/^\*\./, ".");
  const version = family(name);
  if (version !== undefined) return inSubnet(hostname, `${name}/${version === "ipv4" ? 32 : 128}`);
  // As curl and Go have it: `example.com` covers the host and all below it, `.example.com` only what is below it.
  return name.startsWith(".") ? hostname.endsWith(name) : hostname === name || hostname.endsWith(`.${name}`);
}

/**
 * Checks a proxy's URL.
 *
 * @throws SecretsError `invalid-argument`, which never repeats it: it may hold a password.
 */
export function checkedProxy(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text.includes("://") ? text : `http://${text}`);
  } catch {
    // Falls through.
  }
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new SecretsError("invalid-argument", "the proxy is not an http:// or https:// URL", {
      hint: "Check HTTPS_PROXY, or set proxy: false to connect directly.",
    });
  }
  return url;
}

/**
 * The proxy that `HTTPS_PROXY` and `NO_PROXY` (either case, the lower one first) name for an origin, or undefined. Loopback and
 * plain http never go through a proxy. NO_PROXY has host names, `.suffixes`, addresses, subnets (`10.0.0.0/8`) and `*`, each with
 * or without `:port`, separated by commas or white space.
 */
export function proxyFromEnvironment(origin: Origin, environment: Environment): URL | undefined {
  if (!origin.secure || isLoopback(origin.hostname)) return undefined;
  const proxy = environment.https_proxy || environment.HTTPS_PROXY;
  if (proxy === undefined || proxy === "") return undefined;
  const exceptions = (environment.no_proxy || environment.NO_PROXY || "").toLowerCase();
  if (exceptions.split(/[\s,]+/).some((entry) => entry !== "" && covers(entry, origin))) return undefined;
  return checkedProxy(proxy);
}

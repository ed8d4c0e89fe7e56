import type { BlockList } from "node:net";
import { SecretsError } from "@keyhold/core";

/** Says whether a connection to this address may be used. */
export type AddressPolicy = (address: string) => boolean;

// https://www.iana.org/assignments/iana-ipv4-special-registry, https://www.iana.org/assignments/iana-ipv6-special-registry
const specialIpv4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** Global unicast, without what tunnels to an IPv4 address of the sender's choice (Teredo, 6to4) or is for documents. */
const globalIpv6 = ["2000::/3"];
const specialIpv6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

export const loopback: readonly string[] = ["127.0.0.0/8", "::1"];

function family(address: string): "ipv4" | "ipv6" | undefined {
  const found = process.getBuiltinModule("node:net").isIP(address);
  return found === 4 ? "ipv4" : found === 6 ? "ipv6" : undefined;
}

function listOf(entries: readonly string[]): BlockList {
  const { BlockList } = process.getBuiltinModule("node:net");
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", bits, ...rest] = entry.split("/");
    const kind = family(address);
    const most = kind === "ipv4" ? 32 : 128;
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
    if (kind === undefined || rest.length > 0 || prefix < 0 || prefix > most) {
      throw new SecretsError("invalid-argument", "an entry of a rule's addresses is neither an address nor a subnet", {
        hint: "Write 127.0.0.1 or 10.20.0.0/16; names are for `host`.",
      });
    }
    list.addSubnet(address, prefix, kind);
  }
  return list;
}

const contains = (list: BlockList, address: string): boolean => {
  const kind = family(address);
  return kind !== undefined && list.check(address, kind);
};

/** Whether every address of these entries is a loopback one. */
export function areLoopback(entries: readonly string[]): boolean {
  const list = listOf(loopback);
  return entries.every((entry) => {
    const [address = "", bits] = entry.split("/");
    return contains(list, address) && (bits === undefined || Number(bits) >= (family(address) === "ipv4" ? 8 : 128));
  });
}

/** Only these addresses. @throws SecretsError `invalid-argument` for what is no address. */
export function onlyAddresses(entries: readonly string[]): AddressPolicy {
  const list = listOf(entries);
  return (address) => contains(list, address);
}

/** Only what the whole internet reaches. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`, `64:ff9b::a00:1`) does not count as that. */
export function publicAddresses(): AddressPolicy {
  const [special, global, withoutGlobal] = [specialIpv4, globalIpv6, specialIpv6].map(listOf) as [
    BlockList,
    BlockList,
    BlockList,
  ];
  return (address) =>
    family(address) === "ipv4" ? !contains(special, address) : contains(global, address) && !contains(withoutGlobal, address);
}

import { azure as overSdk } from "@keyhold/azure";
import { azure as lean } from "@keyhold/azure/lean";

/** Both ways to speak to Key Vault. Everything that the tests demand of one they demand of the other. */
export const transports = [
  {
    transport: "Azure's SDK",
    name: "azure",
    entry: "@keyhold/azure",
    azure: overSdk,
    /** It is nothing without the vendor's packages. */
    needsPackages: true,
    /** Calls that begin together ask the vault for its challenge once. */
    sharesChallenge: false,
    /** A removal is followed by a look at how far it is. */
    looksAfterRemoval: true,
  },
  {
    transport: "lean",
    name: "azure-lean",
    entry: "@keyhold/azure/lean",
    azure: lean,
    needsPackages: false,
    sharesChallenge: true,
    looksAfterRemoval: false,
  },
] as const;

export type TestedTransport = (typeof transports)[number];

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

export type Vendor = "azure" | "google" | "conjur";

const files: Record<Vendor, string> = {
  azure: "azure/secrets-2025-07-01.json",
  google: "gcp/secretmanager.v1.json",
  conjur: "conjur/openapi.json",
};

const root = path.resolve(import.meta.dirname, "../../..");

/**
 * The vendor's own description, which lies beside the project and never in it: `KEYHOLD_VENDOR_DATA`, by default
 * `../shared/data`. Without it the check is skipped, except in CI, where it must be there.
 */
export function vendorData(vendor: Vendor): { readonly document: unknown } | { readonly missing: string } {
  const folder = path.resolve(root, process.env.KEYHOLD_VENDOR_DATA || "../shared/data");
  const file = path.join(folder, files[vendor]);
  if (existsSync(file)) return { document: JSON.parse(readFileSync(file, "utf8")) };
  if (process.env.CI === "true") throw new Error(`the description of ${vendor} must be at hand in CI: set KEYHOLD_VENDOR_DATA`);
  return { missing: `the vendor's description is not at hand (${files[vendor]} under KEYHOLD_VENDOR_DATA)` };
}

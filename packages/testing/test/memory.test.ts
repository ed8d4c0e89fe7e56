import { memory } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";

const notApplicable = [
  { reason: "nobody signs in to memory", codes: ["unauthenticated", "permission-denied"] },
  { reason: "memory always answers, at once", codes: ["rate-limited", "unavailable", "timeout", "unknown"] },
] as const;
const maxBytes = 1024 * 1024;

testProvider("memory", { create: () => memory({ pageSize: 3 }), notApplicable, maxBytes });

testProvider("memory with fields", {
  create: () => memory({ fields: true, leaseMs: 60_000, pageSize: 3, secrets: { leased: { user: "app" } } }),
  leased: () => ({ path: "leased" }),
  notApplicable,
  maxBytes: maxBytes - Buffer.byteLength('{"value":""}'),
});

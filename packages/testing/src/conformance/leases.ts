import assert from "node:assert/strict";
import type { Provider } from "@keyhold/core";
import { failsWith } from "./assertions.ts";
import type { CaseContext, ConformanceCase } from "./conformance-case.ts";

const behaviour = "leases";
const hasLeases = ({ features }: Provider) => (features.leases ? undefined : "the backend leases nothing");

async function leased({ harness, provider, call }: CaseContext) {
  assert.ok(harness.leased, "the harness needs leased, as the backend has leases");
  const { lease } = await provider.read(await harness.leased(), call());
  assert.ok(lease, "the record has no lease");
  return lease;
}

export const leaseCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "a leased value comes with an id and a duration in milliseconds",
    notApplicable: hasLeases,
    async run(context) {
      const { id, durationMs } = await leased(context);
      assert.ok(id !== "", "a lease has an id");
      assert.ok(durationMs >= 1_000, `durationMs is in milliseconds: ${durationMs}`);
    },
  },
  {
    behaviour,
    title: "a renewed lease is the same lease",
    notApplicable: hasLeases,
    async run(context) {
      const lease = await leased(context);
      assert.ok(context.provider.renew, "a provider with leases renews them");
      const renewed = await context.provider.renew(lease, context.call());
      assert.equal(renewed.id, lease.id);
      assert.ok(renewed.durationMs > 0, "a renewed lease lasts");
    },
  },
  {
    behaviour,
    title: "a revoked lease is not-found when it is renewed",
    notApplicable: hasLeases,
    async run(context) {
      const lease = await leased(context);
      const { renew, revoke } = context.provider;
      assert.ok(renew && revoke, "a provider with leases renews and revokes them");
      await revoke(lease, context.call());
      await failsWith(renew(lease, context.call()), "not-found");
    },
  },
];

import { createSecrets } from "@keyhold/core";
import { expect, it } from "vitest";

it("gives a driver's Buffer as a copy, so that wiping it neither empties the secret nor shows the pool it came from", async () => {
  const held = Buffer.from("in the pool");
  const secrets = createSecrets({
    providers: {
      vault: {
        kind: "vault",
        features: { versions: false, stages: false, binary: true, leases: false },
        read: async () => ({ content: { kind: "opaque", value: held }, version: "1" }),
      },
    },
  });
  const secret = await secrets.get("vault://a");
  const copy = secret.bytes();
  copy.fill(0);
  expect(copy.buffer.byteLength).toBe(copy.byteLength);
  expect(secret.text()).toBe("in the pool");
  await secrets.close();
});

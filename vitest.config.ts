import { defineConfig } from "vitest/config";

// Tests run against the sources, by the same export condition that the type checker uses: no build comes first.
const conditions = ["@keyhold/source", "module", "node", "import", "default"];
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  test: {
    projects: [
      { ...shared, test: { name: "unit", include: ["packages/*/test/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000 } },
      { ...shared, test: { name: "leak", include: ["test/leak/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 } },
      {
        ...shared,
        test: { name: "integration", include: ["test/integration/**/*.test.ts"], testTimeout: 120_000, hookTimeout: 120_000 },
      },
      {
        ...shared,
        test: { name: "package", include: ["test/package/**/*.test.ts"], testTimeout: 300_000, hookTimeout: 300_000 },
      },
    ],
  },
});

import { defineConfig } from "vitest/config";

// Tests run against the sources, by the same export condition that the type checker uses: no build comes first.
// No "import" or "module" here: Node would use them for `require` too, and give CommonJS packages the wrong half of their dependencies.
const conditions = ["@keyhold/source", "node"];
const shared = { resolve: { conditions }, ssr: { resolve: { conditions } } };

// A time limit ends what hangs; it says nothing about speed. On a busy machine tests take many times what they take alone.
const project = (name: string, include: string | string[], testTimeout: number) => ({
  ...shared,
  test: {
    name,
    include: [include].flat(),
    testTimeout,
    hookTimeout: 2 * testTimeout,
    expect: { poll: { timeout: testTimeout / 2 } },
  },
});

export default defineConfig({
  test: {
    // Many tests wait for child processes and servers, so more than one worker a core pays.
    maxWorkers: 4,
    projects: [
      project("unit", "packages/*/test/**/*.test.ts", 120_000),
      project("leak", "test/leak/**/*.test.ts", 180_000),
      project("repository", "test/repository/**/*.test.ts", 180_000),
      project("servers", "test/servers/**/*.test.ts", 240_000),
      project("integration", "test/integration/**/*.test.ts", 400_000),
      project("agents", "test/agents/**/*.test.ts", 180_000),
      project("rotation", "test/rotation/**/*.test.ts", 900_000),
      project("faults", "test/faults/**/*.test.ts", 600_000),
      project(
        "examples",
        ["examples/quickstart/test/*.test.ts", "examples/ml-service/test/{app,policies,settings}.test.ts"],
        400_000,
      ),
      // Bundles, sandboxes that freeze, bursts of processes and load on a database: `npm run test:examples`.
      project(
        "examples-long",
        [
          "examples/{agent,azure-function,cloud-function,lambda,multi-cloud,rotation,rotation-job}/test/*.test.ts",
          "examples/ml-service/test/{main,training}.test.ts",
        ],
        600_000,
      ),
      // It wants the machine for itself.
      project("examples-load", "examples/ml-service/test/load.test.ts", 600_000),
      project("package", "test/package/**/*.test.ts", 600_000),
      project("kubernetes", "test/kubernetes/**/*.test.ts", 600_000),
    ],
  },
});

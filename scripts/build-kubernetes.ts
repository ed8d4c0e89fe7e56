// Builds the API server for `npm run test:kubernetes` before its tests' clocks start.
import { buildKubernetes } from "../test/servers/kubernetes/build-kubernetes.ts";

buildKubernetes().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

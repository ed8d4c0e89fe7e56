import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

it("loads no network module, no parser and no program before its first call", async () => {
  const script = `import { kubernetes, volume } from "@keyhold/kubernetes";
    kubernetes({ server: "https://127.0.0.1:9" });
    volume({ directory: "/etc/secrets" });
    console.log(process.moduleLoadList.filter((name) => /^NativeModule (https?|net|tls|dns|child_process|crypto)$/.test(name)).join());`;
  const run = ["--conditions=@keyhold/source", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, run, { cwd: import.meta.dirname });
  expect(stdout.trim()).toBe("");
});

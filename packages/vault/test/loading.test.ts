import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as main from "@keyhold/vault";
import * as lean from "@keyhold/vault/lean";
import { describe, expect, it } from "vitest";

describe("loading", () => {
  const child = async (script: string, entry = "@keyhold/vault") => {
    const whole = `import { createRequire, registerHooks } from "node:module";
      import { systemClock as clock } from "@keyhold/core";
      import { appRoleAuth, vault } from "${entry}";
      const provider = vault({ address: "http://127.0.0.1:1", auth: appRoleAuth({ roleId: "a", secretId: "b" }) });
      const read = () => provider.read({ path: "secret/app" }, { signal: AbortSignal.timeout(5_000), deadlineAt: Infinity, clock });
      const networkModules = () => process.moduleLoadList.filter((name) => /^NativeModule (https?|net|tls|dns)$/.test(name)).length;
      const vendorModules = () => Object.keys(createRequire(import.meta.url).cache).length;
      ${script}`;
    const run = ["--conditions=@keyhold/source", "--input-type=module", "-e", whole];
    return (await promisify(execFile)(process.execPath, run, { cwd: import.meta.dirname })).stdout.trim();
  };
  const beforeAndAfter = `const before = [networkModules(), vendorModules()];
    await read().catch(() => {});
    console.log(...before, networkModules() > 0, vendorModules() > 0);`;

  it("neither node-vault nor a network module happens before the first call", async () => {
    expect(await child(beforeAndAfter)).toBe("0 0 true true");
  });

  it("node-vault or anything else from another package never happens over the lean transport", async () => {
    expect(await child(beforeAndAfter, "@keyhold/vault/lean")).toBe("0 0 true false");
  });

  it("node-vault where it is not installed says what to install", async () => {
    const told = await child(`registerHooks({
        resolve: (name, context, next) => name === "node-vault" ? next("not-installed", context) : next(name, context),
      });
      await read().catch(({ code, hint }) => console.log(code, hint));`);
    expect(told).toBe("unsupported npm install node-vault, or import from @keyhold/vault/lean, which needs no package.");
  });
});

it("both entries have the same names, so that changing the import is all that it takes", () => {
  expect(Object.keys(lean).sort()).toEqual(Object.keys(main).sort());
});

// What a user's program looks like to the compiler. A test type-checks it against the packed packages, without any vendor's SDK.
import { createSecrets, type Provider, type Secret, SecretsError, secret } from "@keyhold/core";
import { local } from "@keyhold/local";

const provider: Provider = {
  kind: "fixed",
  features: { versions: false, stages: false, binary: false, leases: false },
  read: async ({ path }, { signal, deadlineAt }) => {
    if (signal.aborted || deadlineAt < 0) throw new SecretsError("aborted", "too late");
    return { content: { kind: "opaque", value: path }, version: "1" };
  },
};

export async function main(): Promise<string> {
  const secrets = createSecrets({ providers: { fixed: provider, local: local() } });
  const { key, password } = await secrets.getMany({ key: "fixed://key", password: "local://db#password" });
  const both: readonly Secret[] = [key, password, secret("x")];
  const maybe: Secret | undefined = await secrets.get("fixed://other", { optional: true });
  // @ts-expect-error No provider has this name.
  await secrets.get("fixde://key");
  await secrets.close();
  return both.map((item) => item.text()).join() + (maybe?.version ?? "");
}

/** How each lean provider is made in a function that is bundled. Nobody listens at that address. */
export const handlers: Readonly<Record<string, { readonly imports: string; readonly provider: string }>> = {
  aws: {
    imports: "aws",
    provider: `aws({ endpoint: "https://127.0.0.1:9", region: "eu-west-1", credentials: { accessKeyId: "AKIA", secretAccessKey: "none" } })`,
  },
  azure: {
    imports: "azure",
    provider: `azure({
      vaultUrl: "https://127.0.0.1:9",
      credential: { getToken: async () => ({ token: "none", expiresOnTimestamp: Date.now() + 3_600_000 }) },
    })`,
  },
  gcp: {
    imports: "gcp",
    provider: `gcp({
      projectId: "none",
      apiEndpoint: "127.0.0.1:9",
      credentials: { getRequestHeaders: async () => ({ authorization: "Bearer none" }) },
    })`,
  },
  vault: {
    imports: "tokenAuth, vault",
    provider: `vault({ address: "https://127.0.0.1:9", auth: tokenAuth("none") })`,
  },
};

/** A Lambda handler that reads one secret and gives it, or the code of the error. */
export function handlerSource(name: string, entry: string): string {
  const { imports, provider } = handlers[name] ?? {};
  if (provider === undefined) throw new Error(`test/package/handlers.ts has no line for ${name}`);
  const path = name === "vault" ? "secret/app#key" : "app";
  return `import { createSecrets } from "@keyhold/core";
import { ${imports} } from "${entry}";
const secrets = createSecrets({ providers: { ${name}: ${provider} }, retry: false });
export async function handler() {
  return secrets.get("${name}://${path}").then((secret) => secret.text(), (error) => error.code);
}
`;
}

// Starts one of each server that the tests run against, says how to sign in to it, and stops all of them on Ctrl-C.
//   npm run servers [-- --kubernetes]
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { googleToken } from "../test/servers/google/start-google.ts";
import { testClient } from "../test/servers/oidc/start-token-server.ts";
import { startServers } from "../test/servers/start-servers.ts";

const words = process.argv.slice(2);
const unknown = words.find((word) => word !== "--kubernetes");
if (unknown !== undefined) {
  console.error(`servers: unknown argument ${unknown}; there is only --kubernetes`);
  process.exit(2);
}

async function main(): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    // Ctrl-C can come twice: from the terminal, and from npm or the script that runs this one.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
  });
  const folder = await mkdtemp(path.join(tmpdir(), "keyhold-servers-"));
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(path.join(folder, name), content, { mode: 0o600 });
    return path.join(folder, name);
  };
  const servers = await startServers({ kubernetes: words.includes("--kubernetes") });
  const { aws, openbao, postgres, tokens, azure, google, conjur, kubernetes } = servers;
  const rows: [name: string, address: string, signIn: string[]][] = [
    [
      "AWS Secrets Manager",
      aws.url,
      [
        `AWS_ENDPOINT_URL=${aws.url} AWS_REGION=${aws.region}`,
        `AWS_ACCESS_KEY_ID=${aws.credentials.accessKeyId} AWS_SECRET_ACCESS_KEY=${aws.credentials.secretAccessKey}`,
      ],
    ],
    [
      "OpenBao",
      openbao.url,
      [`VAULT_ADDR=${openbao.url} VAULT_TOKEN=${openbao.rootToken}`, "mounted: secret (v2), kv (v1), database"],
    ],
    ["PostgreSQL", `127.0.0.1:${postgres.port}`, [postgres.url]],
    [
      "Azure Key Vault",
      azure.url,
      [
        `authority ${tokens.url}, tenant ${tokens.tenant}`,
        `client ${testClient.clientId}, secret ${JSON.stringify(testClient.clientSecret)}`,
      ],
    ],
    [
      "Google Secret Manager",
      google.url,
      [
        `project ${google.projectId}, gRPC at 127.0.0.1:${google.grpcPort}`,
        `token in ${await file("google-token", await googleToken(tokens))}`,
      ],
    ],
    ["Conjur", conjur.url, [`account ${conjur.account}, login admin, API key ${conjur.adminApiKey}`]],
  ];
  if (kubernetes !== undefined) {
    rows.push([
      "Kubernetes",
      kubernetes.url,
      [`KUBECONFIG=${await file("kubeconfig", kubernetes.kubeconfig({ token: kubernetes.adminToken }))}`],
    ]);
  }
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const [name, address, [first, ...more]] of rows) {
    console.log(`${name.padEnd(widths[0] ?? 0)}  ${address.padEnd(widths[1] ?? 0)}  ${first}`);
    for (const line of more) console.log(`${" ".repeat((widths[0] ?? 0) + (widths[1] ?? 0) + 4)}${line}`);
  }
  console.log(`\nHTTPS is under the authority in ${await file("ca.pem", servers.ca)}`);
  console.log("Everything is in memory or in temporary files. Ctrl-C stops it all.");
  const awake = setInterval(() => {}, 2 ** 30);
  await stopped;
  clearInterval(awake);
  console.log("\nstopping ...");
  await servers.close();
  await rm(folder, { recursive: true, force: true });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

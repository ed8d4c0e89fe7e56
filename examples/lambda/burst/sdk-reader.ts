// The same with AWS's SDK as it comes: each secret by a call of its own, all at once.
import { once } from "node:events";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const names = (process.env.NAMES ?? "").split(",");
const client = new SecretsManagerClient({});

async function main() {
  process.stdout.write("loaded\n");
  await once(process.stdin, "data");
  const reads = names.map((SecretId) => client.send(new GetSecretValueCommand({ SecretId })));
  const outcome = await Promise.all(reads).then(
    () => "ready",
    (error) => error.name,
  );
  process.stdout.write(`${outcome}\n`, () => process.exit());
}
main();

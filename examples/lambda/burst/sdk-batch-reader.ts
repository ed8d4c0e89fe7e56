// The same with AWS's SDK as it comes: all secrets by one call.
import { once } from "node:events";
import { BatchGetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const SecretIdList = (process.env.NAMES ?? "").split(",");
const client = new SecretsManagerClient({});

async function main() {
  process.stdout.write("loaded\n");
  await once(process.stdin, "data");
  const outcome = await client.send(new BatchGetSecretValueCommand({ SecretIdList })).then(
    () => "ready",
    (error) => error.name,
  );
  process.stdout.write(`${outcome}\n`, () => process.exit());
}
main();

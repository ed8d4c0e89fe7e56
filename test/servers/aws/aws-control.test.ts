import { randomUUID } from "node:crypto";
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { expect, test } from "vitest";
import { pythonEnvironment } from "../python-environment.ts";
import { startMoto } from "./moto.ts";
import { startAws } from "./start-aws.ts";

type Fact = (client: SecretsManagerClient, url: string) => Promise<boolean>;

const errorOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "none",
    (error) => `${error.name} ${error.$metadata?.httpStatusCode}`,
  );
const missing = "ResourceNotFoundException 400";
const made = async (client: SecretsManagerClient): Promise<{ id: string; version: string }> => {
  const { Name, VersionId } = await client.send(new CreateSecretCommand({ Name: randomUUID(), SecretString: "one" }));
  return { id: String(Name), version: String(VersionId) };
};
const deleted = async (client: SecretsManagerClient): Promise<string> => {
  const { id } = await made(client);
  await client.send(new DeleteSecretCommand({ SecretId: id }));
  return id;
};

const facts: Readonly<Record<string, Fact>> = {
  "a missing secret is a 400": async (client) =>
    (await errorOf(client.send(new GetSecretValueCommand({ SecretId: "none" })))) === missing,
  "versions of a missing secret are a 400": async (client) =>
    (await errorOf(client.send(new ListSecretVersionIdsCommand({ SecretId: "none" })))) === missing,
  "a name has no blanks": async (client) =>
    (await errorOf(client.send(new CreateSecretCommand({ Name: "a b", SecretString: "a" })))) === "ValidationException 400",
  "70 kB are too much": async (client) =>
    (await errorOf(client.send(new CreateSecretCommand({ Name: randomUUID(), SecretString: "a".repeat(70_000) })))) ===
    "ValidationException 400",
  "21 ids are too many": async (client) =>
    (await errorOf(client.send(new BatchGetSecretValueCommand({ SecretIdList: Array(21).fill("none") })))) ===
    "ValidationException 400",
  "a token stands for one value": async (client) => {
    const { id } = await made(client);
    const input = { SecretId: id, ClientRequestToken: randomUUID(), VersionStages: ["AWSPENDING"] };
    await client.send(new PutSecretValueCommand({ ...input, SecretString: "two" }));
    return (
      (await errorOf(client.send(new PutSecretValueCommand({ ...input, SecretString: "three" })))) ===
      "ResourceExistsException 400"
    );
  },
  "a deleted secret takes no value": async (client) => {
    const put = new PutSecretValueCommand({ SecretId: await deleted(client), SecretString: "two" });
    return (await errorOf(client.send(put))) === "InvalidRequestException 400";
  },
  "a deleted name is not free": async (client) => {
    const create = new CreateSecretCommand({ Name: await deleted(client), SecretString: "two" });
    return (await errorOf(client.send(create))) === "InvalidRequestException 400";
  },
  "a read follows AWSCURRENT": async (client) => {
    const { id, version } = await made(client);
    const pending = await client.send(
      new PutSecretValueCommand({ SecretId: id, SecretString: "two", VersionStages: ["AWSPENDING"] }),
    );
    const move = { SecretId: id, VersionStage: "AWSCURRENT", RemoveFromVersionId: version, MoveToVersionId: pending.VersionId };
    await client.send(new UpdateSecretVersionStageCommand(move));
    return (await client.send(new GetSecretValueCommand({ SecretId: id }))).SecretString === "two";
  },
  "a version without a label is not described": async (client) => {
    const { id } = await made(client);
    for (const SecretString of ["two", "three"]) await client.send(new PutSecretValueCommand({ SecretId: id, SecretString }));
    const { VersionIdsToStages } = await client.send(new DescribeSecretCommand({ SecretId: id }));
    return Object.keys(VersionIdsToStages ?? {}).length === 2;
  },
  "a stranger is not let in": async (_client, url) => {
    const credentials = { accessKeyId: "AKIASTRANGER", secretAccessKey: "a" };
    const stranger = new SecretsManagerClient({ endpoint: url, region: "eu-west-1", credentials, maxAttempts: 1 });
    return (await errorOf(stranger.send(new DescribeSecretCommand({ SecretId: "none" })))) === "UnrecognizedClientException 400";
  },
};

test("the corrected server keeps every fact; moto alone, the control, breaks each of them", async () => {
  const [server, moto] = await Promise.all([startAws(), pythonEnvironment().then(startMoto)]);
  const wrongAt = async (url: string): Promise<string[]> => {
    const client = new SecretsManagerClient({
      endpoint: url,
      region: server.region,
      credentials: server.credentials,
      maxAttempts: 1,
    });
    const wrong: string[] = [];
    for (const [name, fact] of Object.entries(facts)) {
      if (!(await fact(client, url).catch(() => false))) wrong.push(name);
    }
    client.destroy();
    return wrong;
  };
  const ours = await wrongAt(server.url);
  const motos = await wrongAt(moto.url);
  await Promise.all([server.close(), moto.close()]);
  const total = Object.keys(facts).length;
  console.log(`AWS facts broken: corrected server ${ours.length} of ${total}, moto alone ${motos.length} of ${total}`);
  expect(ours).toEqual([]);
  expect(motos).toEqual(Object.keys(facts));
});

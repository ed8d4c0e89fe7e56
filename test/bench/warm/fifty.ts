// What fifty secrets cost over a server that answers in 10 ms: node fifty.ts, without the condition that leads to the sources.
import {
  BatchGetSecretValueCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretsManagerClientConfig,
} from "@aws-sdk/client-secrets-manager";
import { aws } from "@keyhold/aws";
import { createSecrets } from "@keyhold/core";
import { type Contender, hold, row } from "./contest.ts";
import { sink } from "./sink.ts";
import { startSecretServer } from "./start-secret-server.ts";

const names = Array.from({ length: 50 }, (_none, index) => `prod/service-${index}`);
const mostPerBatch = 20;

/** Warm connections and an empty cache, as for every peer: `fresh` reads whatever is held. */
function ours(settings: SecretsManagerClientConfig): Contender {
  const secrets = createSecrets({ providers: { aws: aws(settings as Parameters<typeof aws>[0]) } });
  const references = names.map((name) => `aws://${name}` as const);
  return {
    name: "keyhold getMany",
    run: async () => {
      sink.value = await secrets.getMany(references, { fresh: true });
    },
  };
}

function batched(client: SecretsManagerClient): Contender {
  const chunks = [names.slice(0, mostPerBatch), names.slice(mostPerBatch, 2 * mostPerBatch), names.slice(2 * mostPerBatch)];
  return {
    name: "BatchGetSecretValue by hand, in parallel",
    run: async () => {
      const answers = await Promise.all(
        chunks.map((SecretIdList) => client.send(new BatchGetSecretValueCommand({ SecretIdList }))),
      );
      const values = answers.flatMap(({ SecretValues = [] }) => SecretValues);
      sink.value = new Map(values.map(({ Name, SecretString }) => [Name, SecretString]));
    },
  };
}

function allAtOnce(client: SecretsManagerClient): Contender {
  return {
    name: "AWS SDK, all at once",
    run: async () => {
      sink.value = await Promise.all(names.map((SecretId) => client.send(new GetSecretValueCommand({ SecretId }))));
    },
  };
}

function oneAfterAnother(client: SecretsManagerClient): Contender {
  return {
    name: "AWS SDK, one after another",
    run: async () => {
      for (const SecretId of names) sink.value = await client.send(new GetSecretValueCommand({ SecretId }));
    },
  };
}

const server = await startSecretServer(10);
const client = () => new SecretsManagerClient(server.settings);
const mine = ours(server.settings);
const peers = [batched(client()), allAtOnce(client()), oneAfterAnother(client())];
const taken = await hold({ rounds: 21, warmUpRounds: 4, times: 1, unit: 1e6, ours: mine, peers });
server.close();
const compared = [mine, ...peers].map(({ name }) => name) as [string, string, ...string[]];
process.send?.([row("50 AWS secrets, a server answering in 10 ms, ms", taken, compared, 1.2)]);
process.exit();

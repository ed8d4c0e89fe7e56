import { randomUUID } from "node:crypto";
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type AwsServer, startAws } from "./start-aws.ts";

let server: AwsServer;
let client: SecretsManagerClient;
beforeAll(async () => {
  server = await startAws();
  client = new SecretsManagerClient({
    endpoint: server.url,
    region: server.region,
    credentials: server.credentials,
    maxAttempts: 1,
  });
});
afterEach(() => expect(server.violations).toEqual([]));
afterAll(async () => {
  client?.destroy();
  await server?.close();
});

const newName = (): string => `test/${randomUUID()}`;
async function create(value: string): Promise<{ name: string; arn: string; version: string }> {
  const { Name, ARN, VersionId } = await client.send(new CreateSecretCommand({ Name: newName(), SecretString: value }));
  return { name: String(Name), arn: String(ARN), version: String(VersionId) };
}
const put = async (SecretId: string, SecretString: string, VersionStages?: string[]): Promise<string> =>
  String((await client.send(new PutSecretValueCommand({ SecretId, SecretString, VersionStages }))).VersionId);
const text = async (SecretId: string, VersionStage?: string): Promise<string | undefined> =>
  (await client.send(new GetSecretValueCommand({ SecretId, VersionStage }))).SecretString;
const labels = async (SecretId: string, IncludeDeprecated?: boolean): Promise<(string[] | undefined)[]> =>
  (await client.send(new ListSecretVersionIdsCommand({ SecretId, IncludeDeprecated }))).Versions?.map((v) => v.VersionStages) ??
  [];
const refused = (name: string, message?: RegExp): object =>
  expect.objectContaining({
    name,
    ...(message && { message: expect.stringMatching(message) }),
    $metadata: expect.objectContaining({ httpStatusCode: 400 }),
  });

describe("values", () => {
  test("a secret is read by its name, its ARN, and its ARN without the last six characters", async () => {
    const { name, arn } = await create("one");
    for (const id of [name, arn, arn.slice(0, -7)]) expect(await text(id)).toBe("one");
  });

  test("a secret of another region is not there", async () => {
    const { arn } = await create("one");
    await expect(text(arn.replace(server.region, "us-east-1"))).rejects.toEqual(refused("ResourceNotFoundException"));
  });

  test("bytes come back as they were", async () => {
    const Name = newName();
    const SecretBinary = Uint8Array.from([0, 255, 10, 128]);
    await client.send(new CreateSecretCommand({ Name, SecretBinary }));
    const read = await client.send(new GetSecretValueCommand({ SecretId: Name }));
    expect(read.SecretBinary).toEqual(SecretBinary);
    expect(read.SecretString).toBeUndefined();
  });

  test("a missing secret is refused with 400", async () => {
    const missing = refused("ResourceNotFoundException", /can't find the specified secret/);
    await expect(text("test/none")).rejects.toEqual(missing);
    await expect(client.send(new ListSecretVersionIdsCommand({ SecretId: "test/none" }))).rejects.toEqual(missing);
  });

  test("a secret without a value is refused as a missing value", async () => {
    const Name = newName();
    const { VersionId } = await client.send(new CreateSecretCommand({ Name }));
    expect(VersionId).toBeUndefined();
    await expect(text(Name)).rejects.toEqual(refused("ResourceNotFoundException", /staging label: AWSCURRENT/));
  });

  test("a version or label that is not there says which one", async () => {
    const { name, version } = await create("one");
    const VersionId = randomUUID();
    await expect(client.send(new GetSecretValueCommand({ SecretId: name, VersionId }))).rejects.toEqual(
      refused("ResourceNotFoundException", new RegExp(`VersionId: ${VersionId}`)),
    );
    await expect(text(name, "AWSPREVIOUS")).rejects.toEqual(refused("ResourceNotFoundException", /AWSPREVIOUS/));
    const both = new GetSecretValueCommand({ SecretId: name, VersionId: version, VersionStage: "OTHER" });
    await expect(client.send(both)).rejects.toEqual(refused("InvalidRequestException", /not associated/));
  });

  test("an empty value is refused", async () => {
    const { name } = await create("one");
    await expect(put(name, "")).rejects.toEqual(refused("InvalidRequestException", /either SecretString or SecretBinary/));
  });

  test("65,536 bytes are the most, counted as UTF-8", async () => {
    const { name } = await create("a".repeat(65_536));
    await expect(put(name, "a".repeat(65_537))).rejects.toEqual(refused("ValidationException", /secretString.*65536/));
    await expect(put(name, "ä".repeat(32_769))).rejects.toEqual(refused("ValidationException", /secretString.*65536/));
  });

  test("text and bytes at once are refused", async () => {
    const both = new CreateSecretCommand({ Name: newName(), SecretString: "a", SecretBinary: Uint8Array.of(1) });
    await expect(client.send(both)).rejects.toEqual(refused("InvalidParameterException"));
  });
});

describe("names and limits", () => {
  test.each([" a", "a b", "a*b", "a?b", "ä", "a\\b"])("the name %j is refused", async (Name) => {
    await expect(client.send(new CreateSecretCommand({ Name, SecretString: "a" }))).rejects.toEqual(
      refused("ValidationException", /Invalid name/),
    );
  });

  test("a name has up to 512 characters, of letters, digits and /_+=.@!-", async () => {
    const Name = `${randomUUID()}/_+=.@!-`.padEnd(512, "x");
    await client.send(new CreateSecretCommand({ Name, SecretString: "a" }));
    expect(await text(Name)).toBe("a");
    await expect(client.send(new CreateSecretCommand({ Name: `${Name}y`, SecretString: "a" }))).rejects.toEqual(
      refused("ValidationException", /512/),
    );
  });

  test("a page has up to 100 entries", async () => {
    await expect(client.send(new ListSecretsCommand({ MaxResults: 101 }))).rejects.toEqual(
      refused("ValidationException", /maxResults/),
    );
  });
});

describe("writes with a token", () => {
  const token = (): string => randomUUID();

  test("the same token with the same value makes nothing new", async () => {
    const { name, version } = await create("one");
    const again = await client.send(
      new PutSecretValueCommand({ SecretId: name, SecretString: "one", ClientRequestToken: version }),
    );
    expect(again.VersionId).toBe(version);
    expect(await labels(name)).toEqual([["AWSCURRENT"]]);
  });

  test("the same token with another value is refused, with every label", async () => {
    const { name } = await create("one");
    for (const VersionStages of [undefined, ["AWSPENDING"]]) {
      const ClientRequestToken = token();
      await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: "two", ClientRequestToken, VersionStages }));
      const other = new PutSecretValueCommand({ SecretId: name, SecretString: "three", ClientRequestToken, VersionStages });
      await expect(client.send(other)).rejects.toEqual(refused("ResourceExistsException", /already in use/));
      expect((await client.send(new GetSecretValueCommand({ SecretId: name, VersionId: ClientRequestToken }))).SecretString).toBe(
        "two",
      );
    }
  });

  test("creating is repeated by its token, and refused with another", async () => {
    const input = { Name: newName(), SecretString: "one", ClientRequestToken: token() };
    const first = await client.send(new CreateSecretCommand(input));
    expect((await client.send(new CreateSecretCommand(input))).ARN).toBe(first.ARN);
    await expect(client.send(new CreateSecretCommand({ ...input, ClientRequestToken: token() }))).rejects.toEqual(
      refused("ResourceExistsException", /already exists/),
    );
  });
});

describe("labels", () => {
  test("a new value moves AWSCURRENT and AWSPREVIOUS, and the one before loses its label", async () => {
    const { name, version } = await create("one");
    await put(name, "two");
    await put(name, "three");
    expect([await text(name), await text(name, "AWSPREVIOUS")]).toEqual(["three", "two"]);
    expect(await labels(name)).toEqual([["AWSPREVIOUS"], ["AWSCURRENT"]]);
    expect(await labels(name, true)).toEqual([undefined, ["AWSPREVIOUS"], ["AWSCURRENT"]]);
    expect((await client.send(new GetSecretValueCommand({ SecretId: name, VersionId: version }))).SecretString).toBe("one");
  });

  test("a pending version becomes current by its label, and the next value follows it", async () => {
    const { name, version } = await create("one");
    const pending = await put(name, "two", ["AWSPENDING"]);
    expect(await text(name)).toBe("one");
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: name,
        VersionStage: "AWSCURRENT",
        RemoveFromVersionId: version,
        MoveToVersionId: pending,
      }),
    );
    expect(await text(name)).toBe("two");
    expect(await labels(name)).toEqual([["AWSPREVIOUS"], ["AWSCURRENT", "AWSPENDING"]]);
    await put(name, "three", ["AWSPENDING"]);
    expect(await labels(name)).toEqual([["AWSPREVIOUS"], ["AWSCURRENT"], ["AWSPENDING"]]);
    await put(name, "four");
    expect(await text(name)).toBe("four");
    expect(await labels(name)).toEqual([["AWSPREVIOUS"], ["AWSPENDING"], ["AWSCURRENT"]]);
  });

  test("labels of the user's move with the version that takes them", async () => {
    const { name } = await create("one");
    await put(name, "two", ["one", "two"]);
    await put(name, "three", ["AWSCURRENT", "two"]);
    expect(await labels(name)).toEqual([["AWSPREVIOUS"], ["one"], ["AWSCURRENT", "two"]]);
  });

  test("a label moves only when told where from, and AWSCURRENT never goes away", async () => {
    const { name, version } = await create("one");
    const other = await put(name, "two", ["AWSPENDING"]);
    const move = (from?: string, to?: string) =>
      client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: name,
          VersionStage: "AWSCURRENT",
          RemoveFromVersionId: from,
          MoveToVersionId: to,
        }),
      );
    await expect(move(undefined, other)).rejects.toEqual(refused("InvalidParameterException", /RemoveFromVersionId/));
    await expect(move(version)).rejects.toEqual(refused("InvalidParameterException", /completely removed/));
    await expect(move(other, version)).rejects.toEqual(refused("InvalidParameterException", /not attached/));
    await expect(move(version, randomUUID())).rejects.toEqual(refused("ResourceNotFoundException"));
    expect(await labels(name)).toEqual([["AWSCURRENT"], ["AWSPENDING"]]);
  });

  test("an update without a value makes no version, with one it does", async () => {
    const { name } = await create("one");
    expect((await client.send(new UpdateSecretCommand({ SecretId: name, Description: "d" }))).VersionId).toBeUndefined();
    expect((await client.send(new UpdateSecretCommand({ SecretId: name, SecretString: "two" }))).VersionId).toBeDefined();
    expect((await client.send(new DescribeSecretCommand({ SecretId: name }))).Description).toBe("d");
    expect(await labels(name)).toEqual([["AWSPREVIOUS"], ["AWSCURRENT"]]);
  });
});

describe("deletion", () => {
  test("a deleted secret refuses reads and writes, and its name, until it is restored", async () => {
    const { name } = await create("one");
    await client.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 }));
    const marked = refused("InvalidRequestException", /marked for deletion/);
    await expect(text(name)).rejects.toEqual(marked);
    await expect(put(name, "two")).rejects.toEqual(marked);
    await expect(client.send(new UpdateSecretCommand({ SecretId: name, SecretString: "a" }))).rejects.toEqual(marked);
    await expect(client.send(new TagResourceCommand({ SecretId: name, Tags: [] }))).rejects.toEqual(marked);
    await expect(client.send(new CreateSecretCommand({ Name: name, SecretString: "a" }))).rejects.toEqual(
      refused("InvalidRequestException", /scheduled for deletion/),
    );
    expect((await client.send(new DescribeSecretCommand({ SecretId: name }))).DeletedDate).toBeInstanceOf(Date);
    await client.send(new RestoreSecretCommand({ SecretId: name }));
    expect(await text(name)).toBe("one");
  });

  test("a deletion without recovery frees the name", async () => {
    const { name } = await create("one");
    await client.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }));
    await client.send(new CreateSecretCommand({ Name: name, SecretString: "two" }));
    expect(await text(name)).toBe("two");
  });

  test("a recovery window is 7 to 30 days", async () => {
    const { name } = await create("one");
    await expect(client.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 6 }))).rejects.toEqual(
      refused("InvalidParameterException"),
    );
  });
});

describe("lists and batches", () => {
  test("a list is filtered by the start of a name and comes in pages", async () => {
    const prefix = newName();
    for (const name of ["a", "b", "c"])
      await client.send(new CreateSecretCommand({ Name: `${prefix}/${name}`, SecretString: name }));
    const Filters = [{ Key: "name" as const, Values: [prefix] }];
    const first = await client.send(new ListSecretsCommand({ Filters, MaxResults: 2, SortOrder: "asc" }));
    const second = await client.send(
      new ListSecretsCommand({ Filters, MaxResults: 2, SortOrder: "asc", NextToken: first.NextToken }),
    );
    expect([first, second].map((page) => page.SecretList?.map(({ Name }) => Name))).toEqual([
      [`${prefix}/a`, `${prefix}/b`],
      [`${prefix}/c`],
    ]);
    expect(second.NextToken).toBeUndefined();
    expect(first.SecretList?.[0]?.SecretVersionsToStages).toBeDefined();
    await expect(client.send(new ListSecretsCommand({ NextToken: "2" }))).rejects.toEqual(refused("InvalidNextTokenException"));
  });

  test("a batch gives what it can and says of each other what is wrong", async () => {
    const [one, two, deleted, denied] = await Promise.all(["1", "2", "3", "4"].map(create));
    await client.send(new DeleteSecretCommand({ SecretId: deleted!.name }));
    const allow = server.deny("GetSecretValue", denied!.name);
    const answer = await client.send(
      new BatchGetSecretValueCommand({ SecretIdList: [two!.name, "test/none", one!.arn, deleted!.name, denied!.name] }),
    );
    allow();
    expect(answer.SecretValues?.map(({ SecretString }) => SecretString).sort()).toEqual(["1", "2"]);
    expect(answer.Errors?.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode])).toEqual([
      ["test/none", "ResourceNotFoundException"],
      [deleted!.name, "InvalidRequestException"],
      [denied!.name, "AccessDeniedException"],
    ]);
  });

  test("a batch follows AWSCURRENT where a label moved it", async () => {
    const { name, version } = await create("one");
    const MoveToVersionId = await put(name, "two", ["AWSPENDING"]);
    const move = { SecretId: name, VersionStage: "AWSCURRENT", RemoveFromVersionId: version, MoveToVersionId };
    await client.send(new UpdateSecretVersionStageCommand(move));
    const { SecretValues } = await client.send(new BatchGetSecretValueCommand({ SecretIdList: [name] }));
    expect(SecretValues?.[0]?.SecretString).toBe("two");
  });

  test("a batch takes up to 20 ids, or filters, not both", async () => {
    const batch = (input: object) => client.send(new BatchGetSecretValueCommand(input));
    const ids = Array.from({ length: 21 }, (_, i) => `test/${i}`);
    await expect(batch({ SecretIdList: ids })).rejects.toEqual(refused("ValidationException", /secretIdList.*20/));
    await expect(batch({})).rejects.toEqual(refused("InvalidParameterException"));
    await expect(batch({ SecretIdList: ["a"], MaxResults: 2 })).rejects.toEqual(refused("InvalidParameterException"));
    const prefix = newName();
    for (const name of ["a", "b", "c"])
      await client.send(new CreateSecretCommand({ Name: `${prefix}/${name}`, SecretString: name }));
    const Filters = [{ Key: "name", Values: [prefix] }];
    const first = await batch({ Filters, MaxResults: 2 });
    const second = await batch({ Filters, MaxResults: 2, NextToken: first.NextToken });
    expect([first, second].map((page) => page.SecretValues?.length)).toEqual([2, 1]);
  });
});

describe("rotation", () => {
  test("a rotation runs its function's four steps on an empty pending version", async () => {
    const { name, version } = await create("one");
    const steps: string[] = [];
    const RotationLambdaARN = server.addRotationFunction(async ({ Step, SecretId, ClientRequestToken }) => {
      steps.push(Step);
      if (Step === "createSecret") {
        expect(await labels(SecretId)).toEqual([["AWSPENDING"], ["AWSCURRENT"]]);
        const input = { SecretId, ClientRequestToken, SecretString: "two", VersionStages: ["AWSPENDING"] };
        await client.send(new PutSecretValueCommand(input));
      }
      if (Step !== "finishSecret") return;
      const input = { SecretId, VersionStage: "AWSCURRENT", RemoveFromVersionId: version, MoveToVersionId: ClientRequestToken };
      await client.send(new UpdateSecretVersionStageCommand(input));
      await client.send(
        new UpdateSecretVersionStageCommand({ SecretId, VersionStage: "AWSPENDING", RemoveFromVersionId: ClientRequestToken }),
      );
    });
    const { VersionId } = await client.send(new RotateSecretCommand({ SecretId: name, RotationLambdaARN }));
    await server.rotationsSettled();
    expect(steps).toEqual(["createSecret", "setSecret", "testSecret", "finishSecret"]);
    const read = await client.send(new GetSecretValueCommand({ SecretId: name }));
    expect([read.SecretString, read.VersionId]).toEqual(["two", VersionId]);
    const described = await client.send(new DescribeSecretCommand({ SecretId: name }));
    expect(described).toMatchObject({ RotationEnabled: true, RotationLambdaARN, LastRotatedDate: expect.any(Date) });
  });

  test("a rotation needs a function, and waits for the one before", async () => {
    const { name } = await create("one");
    const rotate = (RotationLambdaARN?: string) => client.send(new RotateSecretCommand({ SecretId: name, RotationLambdaARN }));
    await expect(rotate()).rejects.toEqual(refused("InvalidRequestException", /No Lambda rotation function/));
    await expect(rotate("arn:aws:lambda:eu-west-1:123456789012:function:none")).rejects.toEqual(refused("AccessDeniedException"));
    await rotate(server.addRotationFunction(async () => {}));
    await server.rotationsSettled();
    await expect(rotate()).rejects.toEqual(refused("InvalidRequestException", /previous rotation/));
  });
});

test("what was called is counted, by action", async () => {
  const { name } = await create("one");
  server.forgetCalls();
  await text(name);
  await text(name);
  expect(server.calls("GetSecretValue")).toEqual(
    Array(2).fill({ action: "GetSecretValue", secretId: name, accessKeyId: server.credentials.accessKeyId }),
  );
  expect(server.calls()).toHaveLength(2);
});

test("many callers at once see whole versions only", async () => {
  const { name } = await create("0");
  const writes = (async () => {
    for (let i = 1; i <= 10; i++) await put(name, String(i));
  })();
  const seen: number[] = [];
  const readers = [1, 2, 3, 4].map(async () => {
    for (let i = 0; i < 15; i++) seen.push(Number(await text(name)));
  });
  await Promise.all([writes, ...readers]);
  expect(seen).toHaveLength(60);
  expect(await text(name)).toBe("10");
});

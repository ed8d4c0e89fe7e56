import { callContext } from "@keyhold/core";
import { findLeak } from "@keyhold/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Fault } from "../../../test/servers/faults.ts";
import type { HttpsService } from "../../../test/servers/https-service.ts";
import { awsRows } from "./credentials/aws.ts";
import { azureRows } from "./credentials/azure.ts";
import type { Credential } from "./credentials/credential.ts";
import { googleRows } from "./credentials/google.ts";
import { startWorld, type World } from "./credentials/world.ts";

let world: World;
let rows: readonly Credential[];
let services: readonly HttpsService[];

beforeAll(async () => {
  world = await startWorld();
  rows = [...awsRows(world), ...azureRows(world), ...googleRows(world)];
  services = [world.aws.metadata, world.aws.tokenService, world.entra, world.azure, world.google.metadata, world.google.services];
});
afterAll(() => world.close());

/** What was sent and answered, taken apart into every word that could be a credential. */
function words(): readonly string[] {
  const texts = services.flatMap(({ requests }) =>
    requests.flatMap(({ request, answer }) => [
      request.body.toString(),
      decodeURIComponent(
        request.body
          .toString()
          .replaceAll("+", " ")
          .replace(/%(?![0-9A-Fa-f]{2})/g, ""),
      ),
      ...Object.values(request.headers).map(String),
      String(answer?.body ?? ""),
    ]),
  );
  return [...new Set(texts.flatMap((text) => text.match(/[\w~+/=.-]{16,}/g) ?? []))].filter(
    (word) => !/^[A-Za-z:/._-]+$|^https?:|:grant-type:/.test(word),
  );
}

const faults: readonly Fault[] = [
  ...[400, 401, 403, 404, 429, 500].map((status): Fault => ({ kind: "status", status })),
  { kind: "html" },
  { kind: "invalid-json" },
  { kind: "reset" },
];

it("no error of any source holds a credential, and none is anything but a SecretsError", async () => {
  let errors = 0;
  const problems: string[] = [];
  for (const credential of rows) {
    for (const fault of faults) {
      for (const service of services) {
        service.requests.length = 0;
        service.faults.next(fault, { times: 10 });
      }
      const holder = await credential.holder();
      const outcome = await holder.get(callContext({ clock: world.clock, deadlineMs: 20_000 })).then(
        () => undefined,
        (error: unknown) => error,
      );
      const struck = services.some(({ requests }) => requests.length > 0);
      for (const service of services) service.faults.clear();
      if (outcome === undefined) {
        if (struck) problems.push(`${credential.name}: a credential in spite of ${fault.kind}`);
        continue;
      }
      errors += 1;
      if ((outcome as Error).name !== "SecretsError") problems.push(`${credential.name}: ${(outcome as Error).name}`);
      const leak = findLeak(outcome, [...credential.canaries(), ...words()]);
      if (leak !== undefined) problems.push(`${credential.name}, ${fault.kind}: ${leak}`);
    }
    for (const wrong of credential.wrongs) {
      const error = await (await credential.holder(wrong))
        .get(callContext({ clock: world.clock }))
        .catch((thrown: unknown) => thrown);
      errors += 1;
      const leak = findLeak(error, [...credential.canaries(), ...words()]);
      if (leak !== undefined) problems.push(`${credential.name}, wrong ${wrong}: ${leak}`);
    }
  }
  expect(problems).toEqual([]);
  console.log(`${errors} errors of ${rows.length} credentials: no credential in any of them`);
});

it("an error that repeats what was sent, the control, is found", () => {
  const text = "client_secret=secret~of-the-application";
  expect(findLeak(new Error(`refused: ${text}`), ["secret~of-the-application"])).toBeDefined();
});

it("what holds a credential shows none when it is printed", async () => {
  for (const credential of rows) {
    const holder = await credential.holder();
    const value = await holder.get(callContext({ clock: world.clock }));
    const secrets = typeof value === "string" ? [value] : [(value as { secretAccessKey: string }).secretAccessKey];
    expect(findLeak(holder, [...secrets, ...credential.canaries()]), credential.name).toBeUndefined();
    if (typeof value !== "string") expect(JSON.stringify(value)).not.toContain(secrets[0]);
  }
});

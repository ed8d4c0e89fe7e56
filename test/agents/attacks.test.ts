import { Console } from "node:console";
import { PassThrough } from "node:stream";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Canary, findCanary } from "../leak/encodings.ts";
import type { Attack } from "./attack.ts";
import { classes } from "./classes.ts";
import { type Subject, subjects, toModel } from "./subjects.ts";
import { names, startWorld, type World } from "./world.ts";

let world: World;
/** Where the value stands with plain `fetch` although nobody attacks: it proves nothing about an attack. */
let held: readonly string[] = [];
const findings = { attacks: 0, leaks: 0, plainLeaks: 0 };

beforeAll(async () => {
  world = await startWorld();
  held = (await attempt({ name: "nothing", run: () => {} }, "plain")).leaks;
});
afterAll(async () => {
  await world.close();
  const { attacks, leaks, plainLeaks } = findings;
  console.log(
    `${attacks} attacks × ${Object.keys(sinks).length} sinks: ${leaks} canaries outside the rule's host; plain fetch: ${plainLeaks} succeed`,
  );
});

/** Where a value must not turn up. */
const sinks = {
  "what other hosts received": ({ world }: Scene) =>
    Buffer.concat([world.evil, world.internal, world.plain].map((host) => host.bytes())),
  "what the rule's host received outside the rule": outside,
  "tool results": ({ subject }: Scene) => subject.said.join("\n"),
  "what the model received": ({ world }: Scene) => world.model.bytes(),
  traces: ({ subject }: Scene) => subject.traced.join("\n"),
  "the serialised agent": ({ subject: { tool, said } }: Scene) =>
    [JSON.stringify({ ...tool.config, history: said }), inspect(tool.config, { depth: 12, showHidden: true })].join("\n"),
  logs: ({ logged }: Scene) => logged(),
} satisfies Record<string, (scene: Scene) => string | Buffer>;

interface Scene {
  readonly world: World;
  readonly attack: Attack;
  readonly subject: Subject;
  readonly logged: () => string;
}

/** Requests with the value that reached the right host and yet are none that a rule allows, or too many. */
function outside({ world, attack, subject }: Scene): string {
  const withValue = world.api.requests.filter((request) =>
    holds(inspect(request, { depth: 3, maxStringLength: null }), subject.canaries),
  );
  const wrong = withValue.filter(
    (request) =>
      !/^\/v1(?:[/?]|$)/.test(request.path) ||
      request.headers.host !== `${names.api}:${world.api.port}` ||
      attack.isOutside?.(request) === true,
  );
  const tooMany = withValue.slice(attack.uses ?? withValue.length);
  return inspect([wrong, tooMany], { depth: 5, maxStringLength: null });
}

const holds = (text: string | Buffer, canaries: readonly Canary[]) =>
  canaries.some((canary) => findCanary(text, canary).length > 0);

/** Runs one attack: the sinks in which the value turned up, and whether the rule's host got it. */
async function attempt(
  attack: Attack,
  kind: keyof typeof subjects,
): Promise<{ readonly leaks: string[]; readonly isSent: boolean }> {
  world.reset();
  const subject = await subjects[kind](world);
  const stream = new PassThrough();
  const log = new Console(stream, stream);
  const captured = ["log", "info", "warn", "error", "debug"] as const;
  const before = captured.map((name) => [name, console[name]] as const);
  for (const name of captured) console[name] = log[name].bind(log);
  try {
    await attack.run(subject.tool);
  } catch (error) {
    // What a tool throws is logged, traced, and returned to the model.
    console.error(error);
    subject.tool.trace(error);
    subject.tool.say(error);
  } finally {
    for (const [name, method] of before) console[name] = method;
  }
  await toModel(world, subject.said);
  const logged = () => (stream.read() ?? "").toString();
  const text = logged();
  const scene: Scene = { world, attack, subject, logged: () => text };
  const found = Object.entries(sinks).filter(([, emitted]) => holds(emitted(scene), subject.canaries));
  await subject.close();
  return { leaks: found.map(([name]) => name), isSent: holds(world.api.bytes(), subject.canaries) };
}

describe.each(Object.entries(classes))("%s", (_name, table) => {
  it("has at least five attacks", () => expect(table.length).toBeGreaterThanOrEqual(5));

  it.for(table.map(([name, run, rest]) => ({ name, run, ...rest })))("$name", async (attack) => {
    const plainLeaks = (await attempt(attack, "plain")).leaks.filter((sink) => !held.includes(sink));
    const { leaks, isSent } = await attempt(attack, "keyhold");
    findings.attacks += 1;
    findings.leaks += leaks.length;
    if (plainLeaks.length > 0) findings.plainLeaks += 1;
    expect(leaks).toEqual([]);
    if (attack.isSent) expect(isSent).toBe(true);
    // An attack that gets nothing out of plain fetch either would prove nothing.
    if (!attack.isOfSystem) expect(plainLeaks).not.toEqual([]);
  });
});

it("plain fetch falls for nine attacks in ten at least", () => {
  expect(findings.plainLeaks).toBeGreaterThanOrEqual(0.9 * findings.attacks);
});

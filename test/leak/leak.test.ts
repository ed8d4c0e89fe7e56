import { describe, expect, it } from "vitest";
import { childSinks } from "./child-sinks.ts";
import { createCanary, findCanary } from "./encodings.ts";
import { runChild } from "./run-child.ts";
import { type Emit, emitted, type Sinks } from "./sink.ts";
import { coercion } from "./sinks/coercion.ts";
import { core } from "./sinks/core.ts";
import { errors } from "./sinks/errors.ts";
import { network } from "./sinks/network.ts";
import { platform } from "./sinks/platform.ts";
import { printing } from "./sinks/printing.ts";
import { reflection } from "./sinks/reflection.ts";
import { serialising } from "./sinks/serialising.ts";
import { telemetry } from "./sinks/telemetry.ts";
import "./task-meta.ts";
import { type Shape, type Subject, shapes, subjects } from "./subject.ts";

const children: Sinks = Object.fromEntries(
  Object.keys(childSinks).map((name) => [name, (_value, { subject, shape, text }) => runChild(name, subject, shape, text)]),
);
const groups = { printing, coercion, serialising, reflection, errors, platform, telemetry, network, core, children };

/** Where the value was found: `text as base64`, … */
async function leaks(emit: Emit, subject: Subject, tried: readonly Shape[]): Promise<string[]> {
  const found = await Promise.all(
    tried.map(async (shape) => {
      const canary = createCanary();
      const parts = await emitted(emit, { subject, shape, text: canary.text });
      const names = new Set(parts.flatMap((part) => findCanary(part, canary)));
      return [...names].map((name) => `${shape} as ${name}`);
    }),
  );
  return found.flat();
}

async function leaksAtAll(emit: Emit, subject: Subject): Promise<boolean> {
  for (const shape of shapes) if ((await leaks(emit, subject, [shape])).length > 0) return true;
  return false;
}

describe.each(Object.entries(groups))("through %s", (_group, sinks) => {
  it.for(Object.entries(sinks))("%s gives no secret away", async ([, emit], { task }) => {
    const controlLeaks = await leaksAtAll(emit, subjects.plain);
    const found = await leaks(emit, subjects.keyhold, shapes);
    task.meta.leak = { leaks: found.length, controlLeaks };
    expect(found).toEqual([]);
    // A sink through which not even a bare string comes out would prove nothing.
    expect(controlLeaks || (await leaksAtAll(emit, subjects.bare))).toBe(true);
  });
});

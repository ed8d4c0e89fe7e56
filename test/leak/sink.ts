import { Console } from "node:console";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import type { Anything, Shape, Subject } from "./subject.ts";

export interface SinkContext {
  readonly subject: Subject;
  readonly shape: Shape;
  /** The secret's text, for sinks that hand it to Keyhold themselves. */
  readonly text: string;
}

type Emitted = string | Uint8Array | readonly (string | Uint8Array)[];

/** Gives all that came out. What it throws came out too. */
export type Emit = (value: Anything, context: SinkContext) => Emitted | Promise<Emitted>;

/** Sinks by name. */
export type Sinks = Readonly<Record<string, Emit>>;

/** All that `inspect` can be made to show without calling methods. */
export const everything = { showHidden: true, depth: 12, getters: true, maxArrayLength: null, maxStringLength: null } as const;

/** A writable that keeps what is written to it. */
export function collector(): { stream: Writable; output: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, output: () => Buffer.concat(chunks) };
}

/** What a console prints. */
export function printed(use: (console: Console) => void): Buffer {
  const { stream, output } = collector();
  use(new Console({ stdout: stream, stderr: stream }));
  return output();
}

/** What anybody could print of something thrown. */
export function shown(thrown: unknown): string {
  const parts = [inspect(thrown, everything), String(thrown)];
  if (thrown instanceof Error) parts.push(thrown.message, String(thrown.stack));
  try {
    const own = Object.getOwnPropertyNames(thrown).map((name) => [name, (thrown as Record<string, unknown>)[name]]);
    parts.push(JSON.stringify(thrown), JSON.stringify(Object.fromEntries(own)));
  } catch {
    // Circular: inspect has shown it.
  }
  return parts.join("\n");
}

/** What comes out where something is expected to fail; where it does not, its result. */
export async function failure(work: () => unknown): Promise<string> {
  try {
    return inspect(await work(), everything);
  } catch (error) {
    return shown(error);
  }
}

/** Runs one sink. */
export async function emitted(emit: Emit, context: SinkContext): Promise<readonly (string | Uint8Array)[]> {
  try {
    const found = await emit(context.subject.wrap(context.text, context.shape), context);
    return typeof found === "string" || found instanceof Uint8Array ? [found] : found;
  } catch (error) {
    return [shown(error)];
  }
}

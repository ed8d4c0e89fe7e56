// Runs one sink of child-sinks.ts. The value comes in on standard input, as arguments and environment are sinks themselves.
import { readFileSync } from "node:fs";
import { childSinks } from "./child-sinks.ts";
import { type shapes, subjects } from "./subject.ts";

interface Order {
  readonly sink: string;
  readonly subject: keyof typeof subjects;
  readonly shape: (typeof shapes)[number];
  readonly text: string;
}

const { sink, subject, shape, text } = JSON.parse(readFileSync(0, "utf8")) as Order;
await childSinks[sink]?.run(subjects[subject].wrap(text, shape));

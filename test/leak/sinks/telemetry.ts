import { AsyncLocalStorage } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { performance } from "node:perf_hooks";
import { inspect } from "node:util";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { pino } from "pino";
import winston from "winston";
import { collector, everything, failure, type Sinks } from "../sink.ts";
import type { Anything } from "../subject.ts";

async function pinoOutput(use: (logger: Anything) => void, options: object = {}): Promise<Buffer> {
  const { stream, output } = collector();
  use(pino(options, stream));
  return output();
}

async function winstonOutput(format: Anything, use: (logger: Anything) => void): Promise<Buffer> {
  const { stream, output } = collector();
  const logger = winston.createLogger({ format, transports: [new winston.transports.Stream({ stream })] });
  use(logger);
  const ended = new Promise((resolve) => logger.once("finish", resolve));
  logger.end();
  await ended;
  return output();
}

/** A span as its exporter gets it. */
async function exported(use: (span: Anything) => void): Promise<string> {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const span = provider.getTracer("leak").startSpan("call");
  use(span);
  span.end();
  await provider.forceFlush();
  const spans = exporter.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
  await provider.shutdown();
  return `${JSON.stringify(spans)}\n${inspect(spans, everything)}`;
}

const { combine, simple, splat, json, prettyPrint } = winston.format;

/** What services send to their logs and traces. */
export const telemetry: Sinks = {
  "pino, in an object": (value) => pinoOutput((logger) => logger.info({ value })),
  "pino, the value itself": (value) => pinoOutput((logger) => logger.info(value)),
  "pino, %s, %o and %j": (value) => pinoOutput((logger) => logger.info("%s %o %j", value, value, value)),
  "pino, a child's bindings": (value) => pinoOutput((logger) => logger.child({ value }).info("x")),
  "pino, an error": (value) => pinoOutput((logger) => logger.error(Object.assign(new Error("x", { cause: value }), { value }))),
  "pino with a formatter that copies": (value) =>
    pinoOutput((logger) => logger.info({ value }), { formatters: { log: (item: Anything) => ({ value: { ...item.value } }) } }),
  "winston as JSON": (value) => winstonOutput(json(), (logger) => logger.info("x", { value })),
  "winston, simple": (value) => winstonOutput(simple(), (logger) => logger.info("x", { value })),
  "winston with splat": (value) => winstonOutput(combine(splat(), simple()), (logger) => logger.info("%s %o", value, value)),
  "winston, pretty-printed": (value) => winstonOutput(prettyPrint({ depth: 9 }), (logger) => logger.info("x", { value })),
  "winston, the value itself": (value) => winstonOutput(json(), (logger) => logger.info(value)),
  "OpenTelemetry, an attribute": (value) => exported((span) => span.setAttribute("value", value)),
  "OpenTelemetry, an attribute by a template": (value) =>
    exported((span) => span.setAttribute("url.full", `http://a/?key=${value}`)),
  "OpenTelemetry, attributes": (value) => exported((span) => span.setAttributes({ ...Object(value), list: [`${value}`] })),
  "OpenTelemetry, an event": (value) => exported((span) => span.addEvent("read", { value })),
  "OpenTelemetry, a status": (value) => exported((span) => span.setStatus({ code: 2, message: `${value}` })),
  "OpenTelemetry, recordException": (value) =>
    exported((span) => span.recordException(new Error(`refused ${value}`, { cause: value }))),
  "OpenTelemetry, a span's name": (value) => exported((span) => span.updateName(`get ${value}`)),
  "a diagnostics channel": (value) => {
    const seen: string[] = [];
    const listen = (message: unknown) => seen.push(inspect(message, everything), JSON.stringify(message));
    const published = channel("keyhold-leak");
    published.subscribe(listen);
    published.publish({ value });
    published.unsubscribe(listen);
    return seen;
  },
  "a performance mark's detail": (value) => failure(() => performance.mark("x", { detail: value }).toJSON()),
  "a performance mark's name": (value) => failure(() => performance.mark(`${value}`)),
  "an asynchronous context": (value) => {
    const storage = new AsyncLocalStorage();
    return storage.run({ value }, () => inspect(storage.getStore(), everything));
  },
};

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { PerformanceObserver, performance } from "node:perf_hooks";
import { inspect } from "node:util";
import type { AttackTable, Tool } from "../attack.ts";

/** What an instrumentation library does: it listens to a channel, and exports what it hears. */
async function listening(tool: Tool, channel: string, work: () => Promise<unknown>): Promise<void> {
  const listen = (message: unknown) => tool.trace(inspect(message, { depth: 3, maxStringLength: null, maxArrayLength: null }));
  subscribe(channel, listen);
  try {
    await work();
  } finally {
    unsubscribe(channel, listen);
  }
}

const withQuery = (tool: Tool) => tool.fetch(tool.api(`/v1?key=${encodeURIComponent(tool.key)}`));

/** What goes into spans, and from there to whoever runs the tracing. */
export const traces: AttackTable = [
  ["requests, as they are made", (tool) => listening(tool, "undici:request:create", () => tool.ask())],
  ["requests with a query, as they are made", (tool) => listening(tool, "undici:request:create", () => withQuery(tool))],
  ["headers, as they are sent", (tool) => listening(tool, "undici:client:sendHeaders", () => tool.ask())],
  [
    "requests, when their body is sent",
    (tool) => listening(tool, "undici:request:bodySent", () => tool.ask("/v1", { method: "POST", body: "{}" })),
  ],
  [
    "requests, when they fail",
    (tool) => {
      tool.world.api.answer = (_request, response) => response.destroy();
      return listening(tool, "undici:request:error", () => tool.ask());
    },
  ],
  [
    "the timing of resources",
    async (tool) => {
      const observer = new PerformanceObserver((list) => tool.trace(list.getEntries()));
      observer.observe({ entryTypes: ["resource"] });
      await (await withQuery(tool)).text();
      await new Promise((resolve) => setTimeout(resolve, 50));
      tool.trace(performance.getEntriesByType("resource"));
      observer.disconnect();
      performance.clearResourceTimings();
    },
  ],
  ["the URL of the answer", async (tool) => tool.trace({ "url.full": (await withQuery(tool)).url })],
  [
    "the headers of a request, by a hook",
    async (tool) => {
      const request = new Request(tool.api(), { headers: { authorization: `Bearer ${tool.key}` } });
      tool.trace({ "http.request.header.authorization": request.headers.get("authorization") });
      await tool.fetch(request);
    },
  ],
  [
    "the arguments of a wrapped fetch",
    async (tool) => {
      const traced: Tool["fetch"] = (input, init) => {
        tool.trace([input, init]);
        return tool.fetch(input, init);
      };
      await traced(tool.api(), { headers: { "x-api-key": tool.key } });
    },
  ],
  [
    "the tool's input, as a run of the agent",
    async (tool) => {
      tool.trace({ run_type: "tool", name: "search", inputs: tool.config });
      await tool.ask();
    },
  ],
];

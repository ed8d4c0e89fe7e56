// The function without its host: loaded as the worker loads it, then called with the library's own request and context.
// That library says so itself ("test mode"): the registration by app.http, the route and the key of `authLevel` are the host's, so none
// of them is tried here. The host is Azure Functions Core Tools, a download of its own: `func start` beside host.json runs all of it.
import { HttpRequest, InvocationContext } from "@azure/functions";
import { answer } from "./function.ts";

const logs: unknown[][] = [];
const logHandler = (_level: string, ...words: unknown[]) => logs.push(words);

/** One invocation a line of input, one answer a line of output. */
process.stdin.setEncoding("utf8").on("data", async (lines) => {
  for (const _line of String(lines).trim().split("\n")) {
    const request = new HttpRequest({ method: "GET", url: "https://example.azurewebsites.net/api/answer" });
    const context = new InvocationContext({ functionName: "answer", logHandler });
    const { status = 200, jsonBody } = await answer(request, context);
    console.log(JSON.stringify({ status, body: jsonBody }));
    for (const words of logs.splice(0)) console.error(...words);
  }
});

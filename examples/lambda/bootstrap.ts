// The runtime inside the sandbox: what AWS's own does, as it is published, for one handler: node bootstrap.ts FILE
// (AWS's client, the npm package aws-lambda-ric, compiles C++ when it is installed, so it is not installed here.)
import { Agent, request } from "node:http";
import { pathToFileURL } from "node:url";

type Handler = (event: unknown, context: unknown) => unknown;

const [host, port] = (process.env.AWS_LAMBDA_RUNTIME_API ?? "").split(":");
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

interface Answer {
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function call(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const options = { agent, host, port, method, path: `/2018-06-01/runtime/${path}`, headers: { ...headers, ...length } };
    const sent = request(options, async (response) => {
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) text += chunk;
      resolve({ headers: response.headers, body: text });
    });
    sent.on("error", reject).end(body);
  });
}

function postError(path: string, error: unknown): Promise<Answer> {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const body = JSON.stringify({ errorType: name, errorMessage: message, stackTrace: stack?.split("\n").slice(1) ?? [] });
  return call("POST", path, body, { "content-type": "application/json", "Lambda-Runtime-Function-Error-Type": name });
}

/** Where a failure that nobody caught is told: at first the init phase, then the invocation under way. */
let failurePath = "init/error";
const die = (status: number) => (error: unknown) => {
  console.error(error);
  // The one connection may be waiting for work.
  agent.maxSockets = 2;
  postError(failurePath, error).finally(() => process.exit(status));
};
process.on("uncaughtException", die(129));
process.on("unhandledRejection", die(128));

async function serve(handler: Handler): Promise<never> {
  for (;;) {
    const { headers, body } = await call("GET", "invocation/next");
    const id = String(headers["lambda-runtime-aws-request-id"]);
    const deadlineAt = Number(headers["lambda-runtime-deadline-ms"]);
    failurePath = `invocation/${id}/error`;
    const context = {
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: "$LATEST",
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: "/aws/lambda/example",
      logStreamName: "sandbox",
      invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
      awsRequestId: id,
      getRemainingTimeInMillis: () => deadlineAt - Date.now(),
    };
    try {
      const result = await handler(JSON.parse(body), context);
      await call("POST", `invocation/${id}/response`, JSON.stringify(result ?? null));
    } catch (error) {
      console.error("Invoke Error", error);
      await postError(failurePath, error);
    }
  }
}

const { handler, ready } = (await import(pathToFileURL(process.argv[2] ?? "").href)) as {
  handler: Handler;
  ready?: Promise<void>;
};
// A CommonJS bundle cannot wait while it is loaded; what it exports as `ready` belongs to the init phase too.
await ready;
// As AWS's runtime for Node 24 does: a third parameter would be a callback.
if (typeof handler !== "function" || handler.length > 2) throw new Error("the handler is no function of two parameters");
await serve(handler);

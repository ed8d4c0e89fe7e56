// Asks for scores so many times a second, each request once and at its own time, however long others take: an open loop. When it is
// told to end it waits for what is under way, and writes what became of each request to a file. URL, RATE, FILE.
import { writeFileSync } from "node:fs";
import { Agent, get } from "node:http";

/** One request: when it was due, how long after that it was answered, and what failed. Times in milliseconds since 1970. */
export interface Sent {
  readonly dueAt: number;
  readonly tookMs: number;
  readonly failure?: string;
}

const { URL: url, RATE: rate, FILE: file = "" } = process.env;
// A machine that stood still for seconds sends what has become due meanwhile over these, and not over a thousand new connections.
const agent = new Agent({ keepAlive: true, maxSockets: 128 });
const patienceMs = 120_000;

/** Gives what failed. */
function ask(customer: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(`${url}/score/${customer}`, { agent, timeout: patienceMs }, async (response) => {
      let body = "";
      try {
        for await (const chunk of response.setEncoding("utf8")) body += chunk;
        resolve(response.statusCode === 200 ? undefined : `${response.statusCode} ${body}`);
      } catch {
        resolve("the answer broke off");
      }
    });
    request.on("timeout", () => request.destroy());
    request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "no answer"));
  });
}

const now = () => performance.timeOrigin + performance.now();
const startedAt = now();
const everyMs = 1_000 / Number(rate);
const sent: Promise<Sent>[] = [];
const sending = setInterval(() => {
  for (let dueAt = dueNext(); dueAt <= now(); dueAt = dueNext()) {
    const asked = ask(1 + (sent.length % 1_000));
    sent.push(asked.then((failure) => ({ dueAt, tookMs: now() - dueAt, ...(failure === undefined ? {} : { failure }) })));
  }
}, 5);
const dueNext = () => startedAt + sent.length * everyMs;
console.log(`load: ${rate} requests a second to ${url} .`);

process.once("SIGTERM", async () => {
  clearInterval(sending);
  writeFileSync(file, JSON.stringify(await Promise.all(sent)));
  agent.destroy();
  console.log("load: over");
});

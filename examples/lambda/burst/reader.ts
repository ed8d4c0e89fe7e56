// One copy of a function: loads, says so, and reads at the word "go".
import { once } from "node:events";
import { withSecrets } from "@keyhold/aws/lambda";

const names = (process.env.NAMES ?? "").split(",");
// Without jitter all copies that were throttled together come back together; they wait as long as jitter does on average.
if (process.env.JITTER === "no") Math.random = () => 0.5;
const context = { getRemainingTimeInMillis: () => 30_000 };

async function main() {
  process.stdout.write("loaded\n");
  await once(process.stdin, "data");
  const handler = withSecrets(
    names.map((name) => `aws://${name}` as const),
    async (_event: unknown, _context, found) => found.length,
  );
  const outcome = await handler({}, context as never).then(
    () => "ready",
    (error) => error.code,
  );
  process.stdout.write(`${outcome}\n`, () => process.exit());
}
main();

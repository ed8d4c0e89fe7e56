import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { manualClock } from "@keyhold/testing";
import { expect, it } from "vitest";
import { HotTime } from "../src/hot-time.ts";
import { Schedule } from "../src/schedule.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

it("what is set anew again and again, long before it is due, does not stay in memory until then, and still comes when it is due", async () => {
  const clock = manualClock();
  const schedule = new Schedule(clock, new HotTime(clock));
  const ran: string[] = [];
  const references: WeakRef<() => void>[] = [];
  schedule.set("other", 600_000, () => ran.push("other"));
  for (let turn = 0; turn < 20_000; turn += 1) {
    const run = () => void ran.push(`last ${turn}`);
    references.push(new WeakRef(run));
    schedule.set("key", 1_800_000 + turn, run);
  }
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(references.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(3_000);
  await clock.advance(7_200_000);
  expect(ran).toEqual(["other", "last 19999"]);
});

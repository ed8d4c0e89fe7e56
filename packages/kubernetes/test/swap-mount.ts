// Swaps a mount as the kubelet does, until it is told to stop: node swap-mount.ts MOUNT FILES. Each generation stands in every file.
import { writeMount } from "./kubelet-writer.ts";

const [mount = "", count = "0"] = process.argv.slice(2);
let isOver = false;
process.on("disconnect", () => {
  isOver = true;
});

let generation = 0;
function swap(): void {
  generation += 1;
  writeMount(mount, Object.fromEntries(Array.from({ length: Number(count) }, (_, index) => [`file-${index}`, `${generation}`])));
  if (isOver) return;
  if (generation % 100 === 0 && process.connected) process.send?.(generation, () => {});
  // A pause of a millisecond now and then, so that the other processes get their turn on one core.
  if (generation % 4 === 0) setTimeout(swap, 1);
  else setImmediate(swap);
}
swap();

export { type CallContextOptions, callContext } from "./call-context.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export { type MemoryOptions, type MemoryValue, memory } from "./memory.ts";

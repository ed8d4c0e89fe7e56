export { type CallContextOptions, callContext } from "./call-context.ts";
export { conformanceCases } from "./conformance/cases.ts";
export type { Behaviour, CaseContext, ConformanceCase } from "./conformance/conformance-case.ts";
export { type ConformanceReport, reportLines, reportOf, writeReport } from "./conformance/report.ts";
export { type CaseResult, runCase } from "./conformance/run-case.ts";
export { findLeak } from "./find-leak.ts";
export type { Harness, NotApplicable, Situation, Skip } from "./harness.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export { type MemoryOptions, type MemoryValue, memory } from "./memory.ts";

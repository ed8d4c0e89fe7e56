// Tests call drivers as the client does.
export { type CallContextOptions, callContext } from "@keyhold/core";
export { conformanceCases } from "./conformance/cases.ts";
export type { Behaviour, CaseContext, ConformanceCase } from "./conformance/conformance-case.ts";
export { type ConformanceReport, reportLines, reportOf, writeReport } from "./conformance/report.ts";
export { type CaseResult, runCase } from "./conformance/run-case.ts";
export { type Fault, type FaultPlan, type FaultyMethod, type FaultyProvider, faulty } from "./faulty.ts";
export { findLeak } from "./find-leak.ts";
export type { Harness, NotApplicable, RefusedNames, Situation, Skip } from "./harness.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export { type MemoryOptions, memory } from "./memory.ts";
export type { MemoryValue } from "./memory-value.ts";

import { abortCases } from "./abort-and-deadline.ts";
import { binaryCases } from "./binary.ts";
import { closeCases } from "./close.ts";
import type { ConformanceCase } from "./conformance-case.ts";
import { errorCases } from "./errors.ts";
import { leaseCases } from "./leases.ts";
import { limitCases } from "./limits.ts";
import { listCases } from "./list.ts";
import { nameCases } from "./names.ts";
import { readCases } from "./read.ts";
import { removeCases } from "./remove.ts";
import { versionCases } from "./versions.ts";
import { watchCases } from "./watch.ts";
import { writeCases } from "./write.ts";

/** Every rule that a provider is held to, in the order in which they run. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...readCases,
  ...nameCases,
  ...versionCases,
  ...writeCases,
  ...removeCases,
  ...listCases,
  ...binaryCases,
  ...errorCases,
  ...limitCases,
  ...abortCases,
  ...watchCases,
  ...leaseCases,
  ...closeCases,
];

import type { AttackTable } from "./attack.ts";
import { configuredTools } from "./classes/configured-tools.ts";
import { echoPlain } from "./classes/echo.ts";
import { echoEncoded } from "./classes/echo-encoded.ts";
import { echoPlaces } from "./classes/echo-places.ts";
import { errors } from "./classes/errors.ts";
import { frameworkErrors, sdkLogs } from "./classes/framework-errors.ts";
import { frameworkTraces } from "./classes/framework-traces.ts";
import { grants } from "./classes/grants.ts";
import { hostRules } from "./classes/host-rules.ts";
import { injection } from "./classes/injection.ts";
import { langchainSerialisation } from "./classes/langchain-serialisation.ts";
import { privateAddresses } from "./classes/private-addresses.ts";
import { rebinding } from "./classes/rebinding.ts";
import { redirects } from "./classes/redirects.ts";
import { serialisation } from "./classes/serialisation.ts";
import { split } from "./classes/split.ts";
import { thrownRequests } from "./classes/thrown-requests.ts";
import { traces } from "./classes/traces.ts";

/** An echo of what was never sent would be no attack. */
const sent = (table: AttackTable): AttackTable => table.map(([name, run, rest]) => [name, run, { ...rest, isSent: true }]);

/** Addresses are the system's. */
const ofSystem = (table: AttackTable): AttackTable =>
  table.map(([name, run, rest]) => [name, run, { ...rest, isOfSystem: true }]);

/** Every class of attack. Add a class here; each has at least five attacks that differ by mechanism. */
export const classes: Readonly<Record<string, AttackTable>> = {
  "prompt injection asks for the key": injection,
  "an echo in plain": sent(echoPlain),
  "an echo from another place": sent(echoPlaces),
  "an encoded echo": sent(echoEncoded),
  redirects,
  "DNS re-binding": ofSystem(rebinding),
  "private addresses": ofSystem(privateAddresses),
  "provoked errors": errors,
  "exfiltration split over calls": split,
  "trace export": traces,
  "trace export by frameworks": frameworkTraces,
  "logs of models' SDKs": sdkLogs,
  serialisation,
  "serialisation by LangChain": langchainSerialisation,
  "a tool that throws its request": thrownRequests,
  "a tool that throws within a framework": frameworkErrors,
  "a tool of a configuration file": configuredTools,
  "tricks with the rule's host": hostRules,
  "over-use of a grant": grants,
};

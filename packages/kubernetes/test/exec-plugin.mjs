// A credential plugin for tests: prints what ANSWER says, notes each run in the file RUNS, and ends with STATUS.
import { appendFileSync, readFileSync } from "node:fs";

const { ANSWER, RUNS, STATUS = "0", WAIT_MS = "0", KUBERNETES_EXEC_INFO } = process.env;
appendFileSync(RUNS, `${KUBERNETES_EXEC_INFO}\n`);
console.error("canary-stderr-77aa10");
setTimeout(() => {
  console.log(readFileSync(ANSWER, "utf8"));
  process.exitCode = Number(STATUS);
}, Number(WAIT_MS));

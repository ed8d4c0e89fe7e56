// https://nodejs.org/api/process.html#processreport, of which @types/node knows the type of neither.
interface Report {
  excludeNetwork: boolean;
  getReport(): { readonly libuv: readonly { readonly type: string; readonly is_active: boolean }[] };
}

const kinds = new Set(["tcp", "pipe", "udp", "fs_event", "fs_poll", "process"]);

/**
 * How many sockets, file watches and child processes this process has open. Node's report also counts those that keep no process
 * alive, such as an idle connection in a pool, which `process.getActiveResourcesInfo` leaves out.
 */
export function openHandles(): number {
  const report = process.report as unknown as Report;
  const { excludeNetwork } = report;
  // Without this, the report looks up a name for every address.
  report.excludeNetwork = true;
  try {
    return report.getReport().libuv.filter(({ type, is_active }) => is_active && kinds.has(type)).length;
  } finally {
    report.excludeNetwork = excludeNetwork;
  }
}

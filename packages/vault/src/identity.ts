/** What proves the identity of a cloud's workload: loaded at such a login, as others do without it. */
export const identity = (): Promise<typeof import("@keyhold/identity")> => import("@keyhold/identity");

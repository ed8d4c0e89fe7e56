const units = [
  ["year", 365 * 86_400_000],
  ["month", 30 * 86_400_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** How long ago something was, for people: `3 days ago`. `-` where the backend does not tell. */
export function formatAge(at: number | undefined, now: number): string {
  if (at === undefined) return "-";
  const ageMs = Math.abs(now - at);
  const [unit, size] = units.find(([, size]) => ageMs >= size) ?? (["second", 1_000] as const);
  // Not Intl.RelativeTimeFormat, which takes longer to load than all the rest of a list.
  const count = Math.trunc(ageMs / size);
  const length = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return at > now ? `in ${length}` : `${length} ago`;
}

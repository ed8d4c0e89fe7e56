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
  const ageMs = now - at;
  const [unit, size] = units.find(([, size]) => Math.abs(ageMs) >= size) ?? (["second", 1_000] as const);
  return new Intl.RelativeTimeFormat("en", { numeric: "always" }).format(-Math.trunc(ageMs / size), unit);
}

/** One row of the table: what was to be reached, what Keyhold reached, and the others beside it. */
export interface Figure {
  readonly what: string;
  readonly toReach: string;
  readonly keyhold: string;
  readonly reached: boolean;
  /** By name. */
  readonly peers?: Readonly<Record<string, string>>;
}

const markdownRow = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** The figures as a table in Markdown, for people and for a log. */
export function figuresTable(figures: readonly Figure[]): string {
  const peers = [...new Set(figures.flatMap((figure) => Object.keys(figure.peers ?? {})))];
  const head = ["what", "to reach", "Keyhold", "", ...peers];
  const rows = figures.map((figure) => [
    figure.what,
    figure.toReach,
    figure.keyhold,
    figure.reached ? "reached" : "NOT REACHED",
    ...peers.map((peer) => figure.peers?.[peer] ?? "–"),
  ]);
  return [head, head.map(() => "---"), ...rows].map(markdownRow).join("\n");
}

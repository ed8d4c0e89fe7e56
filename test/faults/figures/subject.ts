/** How the backend answers in a simulation: as always, not at all for a while, or with a refusal. */
export type Weather = "healthy" | "503" | "403";

/** Who is measured: a client with its own backend, whose clock stands still until it is told. */
export interface Subject {
  readonly name: string;
  /** What was chosen for it beside its documented defaults. */
  readonly settings: string;
  read(key: string): Promise<unknown>;
  setWeather(weather: Weather): void;
  /** Calls that reached the backend. */
  readonly calls: number;
  /** Lets time pass, and what is under way settle. */
  advance(ms: number): Promise<void>;
  /** When the backend refused this key first, in simulated milliseconds. */
  refusedAt(key: string): number | undefined;
  now(): number;
  close(): Promise<void>;
}

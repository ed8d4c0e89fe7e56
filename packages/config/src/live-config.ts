/** Where a field of the configuration comes from. Never a value. */
export interface FieldStatus {
  /** As in `plain`: `openai.apiKey`. */
  readonly path: string;
  /** File and line, or the variable. */
  readonly source: string;
  readonly secrets: readonly ReferenceStatus[];
}

export interface ReferenceStatus {
  readonly reference: string;
  /** Undefined when the secret is not there, and is optional or has a default. */
  readonly version: string | undefined;
  /** How long `current` has held this content, in milliseconds. */
  readonly ageMs?: number;
  /** When its lease ends, in milliseconds since 1970. */
  readonly lapsesAt?: number;
}

export interface LiveConfig<Output> {
  /** The newest valid configuration, frozen. */
  readonly current: Output;
  /** Calls back when a part of the configuration has changed, or any of it, with the new and the one before. Gives what ends it. */
  onChange<Selected>(
    select: (config: Output) => Selected,
    listener: (selected: Selected, previous: Selected) => void,
  ): () => void;
  onChange(listener: (config: Output, previous: Output) => void): () => void;
  /** Each field that has a reference: where it stands, its versions and ages. */
  status(): readonly FieldStatus[];
  /** Ends the watching. `current` stays. Idempotent, never rejects. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

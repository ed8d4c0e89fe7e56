import { SecretsError } from "./errors.ts";

/** One event as its sender wrote it, parsed. Nothing in it is trusted: it says what to look at, never what is there. */
export type ChangeEvent = Readonly<Record<string, unknown>>;

/** What `notify` did. */
export interface Notified {
  /** What was read anew or dropped: references without version, stage and field, each once. Empty: the event is about nothing here. */
  readonly references: readonly string[];
  /** The answer that Event Grid waits for when a subscription is made: the body of a response with status 200. */
  readonly handshake?: { readonly validationResponse: string };
}

/** More would be no events: Event Grid's largest batch is 1 MB, and EventBridge's events are 1 MB at most. */
const mostEvents = 1_000;

export const unknownEvent = (): SecretsError =>
  new SecretsError("invalid-argument", "this is no event that any provider of this client knows", {
    hint: "notify takes an event of EventBridge, Event Grid or Pub/Sub, a CloudEvent 1.0, or { reference }: docs/rotation.md.",
  });

/**
 * The events in what was received: text and bytes as JSON, an array as its items.
 *
 * @throws SecretsError `invalid-argument` for what is no event.
 */
export function changeEvents(received: unknown): readonly ChangeEvent[] {
  const parsed = typeof received === "string" || received instanceof Uint8Array ? parse(received) : received;
  const events: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  if (events.length > mostEvents || !events.every(isChangeEvent)) throw unknownEvent();
  return events;
}

export const isChangeEvent = (value: unknown): value is ChangeEvent =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parse(received: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof received === "string" ? received : new TextDecoder("utf-8", { fatal: true }).decode(received));
  } catch {
    // The parser's own message repeats its input.
    throw unknownEvent();
  }
}

/** The references in a plain `{ reference }`, or in the data of a CloudEvent of the user's own. */
export function namedReference(event: ChangeEvent): string | undefined {
  if (event.specversion === undefined) return typeof event.reference === "string" ? event.reference : undefined;
  const { specversion, data } = event;
  return specversion === "1.0" && isChangeEvent(data) && typeof data.reference === "string" ? data.reference : undefined;
}

const validationType = "Microsoft.EventGrid.SubscriptionValidationEvent";

/** https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema */
export function validationCode({ eventType, data }: ChangeEvent): string | undefined {
  if (eventType !== validationType || !isChangeEvent(data)) return undefined;
  return typeof data.validationCode === "string" ? data.validationCode : undefined;
}

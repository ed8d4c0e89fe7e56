import { SecretsError } from "./errors.ts";
import type { Secret } from "./secret.ts";
import type { ChangeListener, Handle } from "./secrets.ts";

export interface FollowedEvents {
  /** Whether a lease may end under this secret. */
  isLeased(secret: Secret): boolean;
  /** Why this secret must not be used any more, or undefined. */
  overdue(secret: Secret): SecretsError | undefined;
  /** The last handle was closed. */
  onEmpty(): void;
  onChanged(version: string | undefined): void;
  onListenerFailed(): void;
}

/** Follows one key while at least one handle is open: holds the newest secret, and tells every handle when its content changes. */
export class Followed {
  readonly #handles = new Set<LiveHandle>();
  readonly #events: FollowedEvents;
  #whole: Secret;

  constructor(whole: Secret, events: FollowedEvents) {
    this.#whole = whole;
    this.#events = events;
  }

  get version(): string | undefined {
    return this.#whole.version;
  }

  get isLeased(): boolean {
    return this.#events.isLeased(this.#whole);
  }

  /** @throws SecretsError when the newest secret must not be used any more. */
  check(): void {
    const error = this.#events.overdue(this.#whole);
    if (error !== undefined) throw error;
  }

  open(field: string | undefined): Handle {
    const handle = new LiveHandle(this, field, this.#whole);
    this.#handles.add(handle);
    return handle;
  }

  /** What was replaced is no longer to be used: nothing here keeps it in memory. */
  forgetPrevious(): void {
    for (const handle of this.#handles) handle.forgetPrevious();
  }

  /** A newer secret was read: all handles change before any listener runs. */
  update(whole: Secret): void {
    if (whole === this.#whole) return;
    const isNews = !whole.equals(this.#whole);
    this.#whole = whole;
    const changes: (() => unknown)[] = [];
    for (const handle of this.#handles) changes.push(...handle.update(whole));
    if (isNews) this.#events.onChanged(whole.version);
    for (const change of changes) {
      // Each on a turn of its own: a slow or throwing listener delays no other, and never the read that brought the news.
      Promise.resolve()
        .then(change)
        .catch(() => this.#events.onListenerFailed());
    }
  }

  release(handle: LiveHandle): void {
    this.#handles.delete(handle);
    if (this.#handles.size === 0) this.#events.onEmpty();
  }

  closeAll(): void {
    for (const handle of [...this.#handles]) handle.close();
  }
}

class LiveHandle implements Handle {
  readonly #followed: Followed;
  readonly #field: string | undefined;
  readonly #listeners = new Set<ChangeListener<Secret>>();
  #current: Secret;
  #previous: Secret | undefined;
  /** What `current` gives without another look: undefined where a lease may end under it, and once the handle is closed. */
  #lasting: Secret | undefined;
  #closed = false;

  constructor(followed: Followed, field: string | undefined, whole: Secret) {
    this.#followed = followed;
    this.#field = field;
    this.#current = field === undefined ? whole : whole.field(field);
    this.#lasting = followed.isLeased ? undefined : this.#current;
  }

  get current(): Secret {
    return this.#lasting ?? this.#checked();
  }

  #checked(): Secret {
    if (this.#closed) throw new SecretsError("closed", "this handle is closed");
    this.#followed.check();
    return this.#current;
  }

  get previous(): Secret | undefined {
    return this.#previous;
  }

  get version(): string | undefined {
    return this.#current.version;
  }

  onChange(listener: ChangeListener<Secret>): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lasting = undefined;
    this.#listeners.clear();
    this.#previous = undefined;
    this.#followed.release(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  forgetPrevious(): void {
    this.#previous = undefined;
  }

  /** Takes the new secret over, and gives the calls that are due. */
  update(whole: Secret): (() => unknown)[] {
    const previous = this.#current;
    let current = previous;
    try {
      current = this.#field === undefined ? whole : whole.field(this.#field);
    } catch {
      // The new document lacks the field: the old value stays, and `get` tells the error.
    }
    this.#current = current;
    this.#lasting = this.#followed.isLeased ? undefined : current;
    if (current.equals(previous)) return [];
    this.#previous = previous;
    return [...this.#listeners].map((listener) => () => this.#listeners.has(listener) && listener(current, previous));
  }
}

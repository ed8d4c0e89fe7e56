import type { ReferenceTo, Secret, Secrets } from "@keyhold/core";

/** What connections sign in with: the current login, and for as long as that is refused the one that was found instead. */
export interface WorkingLogin {
  /** For a new connection. @throws SecretsError as `Handle.current` does. */
  readonly current: Secret;
  /** The same, or undefined where the handle is closed or a lease has ended. */
  peek(): Secret | undefined;
  /** A new connection has signed in with `login`. */
  accepted(login: Secret): void;
  /** Whether another has taken the place of `login`, and is known to work. */
  isReplaced(login: Secret): boolean;
  /** Whether what is current is known to work. */
  isProven(): boolean;
  /** The server refused `login`: resolves once there is another, newer or pending, and otherwise rejects with `error`. */
  refused(login: Secret, error: unknown): Promise<void>;
  close(): void;
}

const mostRefusals = 8;
const same = (one: Secret | undefined, other: Secret | undefined) =>
  one !== undefined && other !== undefined && (one === other || one.equals(other));

export async function workingLogin<N extends string>(
  secrets: Pick<Secrets<N>, "handle" | "use">,
  reference: ReferenceTo<N>,
): Promise<WorkingLogin> {
  const handle = await secrets.handle(reference);
  let found: Secret | undefined;
  let proven: Secret | undefined;
  let finding: Promise<void> | undefined;
  /** So that of an older one, which some cache still holds, and the one that was refused last, neither is found again. */
  let refusals: Secret[] = [];
  const forgive = (login: Secret) => {
    refusals = refusals.filter((one) => !same(one, login));
  };
  // What is current by now was pending before, or is newer.
  handle.onChange((login) => {
    found = undefined;
    forgive(login);
  });
  const current = () => found ?? handle.current;
  const peek = () => {
    try {
      return current();
    } catch {
      return undefined;
    }
  };

  const find = (error: unknown) =>
    secrets
      .use(
        reference,
        (login) => {
          if (refusals.some((one) => same(one, login))) throw error;
          found = login;
        },
        { isAuthError: (thrown) => thrown === error },
      )
      .catch(() => {
        refusals = [];
        throw error;
      });

  return {
    get current() {
      return current();
    },
    peek,
    accepted(login) {
      forgive(login);
      if (same(login, peek())) proven = login;
    },
    isReplaced: (login) => proven !== undefined && !same(login, proven) && same(proven, peek()),
    isProven: () => same(proven, peek()),
    async refused(login, error) {
      const now = peek();
      if (now === undefined) throw error;
      // Somebody else has found another meanwhile.
      if (!same(login, now)) return;
      forgive(login);
      refusals = [login, ...refusals].slice(0, mostRefusals);
      finding ??= find(error).finally(() => {
        finding = undefined;
      });
      await finding;
    },
    close: () => handle.close(),
  };
}

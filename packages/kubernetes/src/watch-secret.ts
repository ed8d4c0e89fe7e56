import { type CallContext, type Change, type Clock, isSecretsError } from "@keyhold/core";
import { kubernetesError } from "./kubernetes-error.ts";
import { secretPath, type Target } from "./secret-path.ts";
import { versionOf } from "./to-record.ts";
import type { ApiSecretList, Transport, WatchEvent } from "./transport.ts";

const lookTimeoutMs = 10_000;
/** The server ends a watch after this long, each at another moment, so that it can spread its watchers. */
const leastSeconds = 240;
const moreSeconds = 60;
/** So many attempts in a row may fail before the client hears of it. */
const toleratedFailures = 2;
const backoffMs = { first: 500, most: 15_000 };
/** A stream that ended sooner than this, without an event, is not opened again at once. */
const shortMs = 1_000;

function pause({ signal, clock }: CallContext, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.setTimer(done, delayMs);
    signal.addEventListener("abort", done, { once: true });
  });
}

/** A context for one request within a watch: the watch itself has no deadline. */
const within = (signal: AbortSignal, clock: Clock): CallContext => ({
  signal,
  clock,
  deadlineAt: clock.monotonic() + lookTimeoutMs,
});

/** Where the events go on after this one; undefined: look anew, as the server has forgotten that place. */
function placeAfter(event: WatchEvent): string | undefined {
  if (event.type !== "ERROR") return versionOf(event.object);
  const { code = 500 } = event.object;
  if (code === 410) return undefined;
  throw kubernetesError({ status: code, answer: event.object });
}

/**
 * The version of one secret, then each change, until the signal. A list tells where it stands, and a watch goes on from there: after
 * the server ended it from the last event or bookmark, after `410 Gone` from a new list.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export async function* watchSecret(
  transport: Transport,
  { namespace, name }: Target,
  context: CallContext,
): AsyncGenerator<Change, void, undefined> {
  const { signal, clock } = context;
  const path = secretPath(namespace);
  const only = { fieldSelector: `metadata.name=${name}` };
  let told: string | undefined | null = null;
  let place: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    let isQuiet = true;
    try {
      if (place === undefined) {
        const { body } = await transport.call<ApiSecretList>(
          { verb: "list", path, query: only, metadataOnly: true },
          within(signal, clock),
        );
        const item = body.items?.[0];
        const version = item && versionOf(item);
        place = versionOf(body);
        if (version !== told) {
          told = version;
          yield { version };
        }
      }
      const timeoutSeconds = leastSeconds + Math.floor(Math.random() * moreSeconds);
      const query = { ...only, watch: "true", allowWatchBookmarks: "true", resourceVersion: place, timeoutSeconds };
      const events = await transport.watch({ path, query, metadataOnly: true }, within(signal, clock));
      failures = 0;
      for await (const event of events) {
        place = placeAfter(event);
        if (place === undefined) break;
        isQuiet = false;
        if (event.type === "BOOKMARK") continue;
        const version = event.type === "DELETED" ? undefined : place;
        if (version !== told) {
          told = version;
          yield { version };
        }
      }
    } catch (error) {
      if (signal.aborted || !isSecretsError(error) || !error.retryable) throw error;
      failures += 1;
      if (failures > toleratedFailures) throw error;
    }
    if (failures > 0 || (isQuiet && clock.monotonic() - startedAt < shortMs))
      await pause(context, Math.min(backoffMs.first * 2 ** failures, backoffMs.most));
  }
}

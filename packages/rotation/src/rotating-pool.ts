import type { ChangeListener, Secret } from "@keyhold/core";
import { poolInUse } from "./pool-in-use.ts";

/** A secret that is followed, as a `Handle` is. */
export interface FollowedSecret {
  /** The newest. */
  readonly current: Secret;
  /** Returns what ends it. */
  onChange(listener: ChangeListener<Secret>): () => void;
}

export interface RotatingPoolOptions<Pool> {
  readonly handle: FollowedSecret;
  /** Makes a pool for a credential. Prove here that it works: until this resolves, the pool before goes on serving. */
  create(credential: Secret): Pool | Promise<Pool>;
  /** Ends a pool with which no work runs any more. */
  drain(pool: Pool): void | Promise<void>;
  /**
   * Told what `create` threw for a new credential, which is tried again after 1 s, 2 s, up to every 60 s, and what `drain` threw.
   * What it throws itself is dropped.
   */
  readonly onError?: (error: unknown) => void;
}

export interface RotatingPool<Pool> {
  /** The newest pool, for what no drain can harm. Otherwise take `use`. After `close` it is the last one, drained. */
  readonly current: Pool;
  /** Runs `work` once, with the newest pool, which is not drained before `work` has ended. */
  use<T>(work: (pool: Pool) => T | Promise<T>): Promise<T>;
  /** Follows no longer. Resolves when all work has ended and every pool is drained. Idempotent. It leaves the handle open. */
  close(): Promise<void>;
}

const retryMs = { first: 1_000, longest: 60_000 };

/**
 * Swaps a whole pool, of anything with connections, when its credential changes: the new one is made and proven, takes over at once,
 * and the one before is drained when its work has ended. Changes that come while one is made come to one more swap, to the newest.
 *
 * Nothing fails where the old credential works until the new one is seen: two users in turn, leases, certificates, a Redis user with
 * two passwords. Rejects with what `create` throws for the first credential.
 *
 * @example
 * const pools = await rotatingPool({ handle, create: (login) => connect(login.json(Login)), drain: (pool) => pool.end() });
 * await pools.use((pool) => pool.query("select 1"));
 */
export async function rotatingPool<Pool>(options: RotatingPoolOptions<Pool>): Promise<RotatingPool<Pool>> {
  const { handle, create } = options;
  const tell = (error: unknown) => {
    try {
      options.onError?.(error);
    } catch {}
  };
  const drain = async (pool: Pool) => {
    try {
      await options.drain(pool);
    } catch (error) {
      tell(error);
    }
  };
  const make = async () => poolInUse(await create(handle.current), drain);
  const retiring = new Set<Promise<void>>();
  const retire = (pool: Awaited<ReturnType<typeof make>>) => {
    const retired = pool.retire().finally(() => retiring.delete(retired));
    retiring.add(retired);
  };

  let isDue = false;
  let closed = false;
  let wake = () => {};
  const sleep = (forMs?: number) =>
    new Promise<void>((resolve) => {
      const timer = forMs === undefined ? undefined : setTimeout(resolve, forMs).unref();
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  // Before the first credential is read, so that no change falls between the two.
  const unfollow = handle.onChange(() => {
    isDue = true;
    wake();
  });
  let newest = await make().catch((error) => {
    unfollow();
    throw error;
  });

  const follow = async () => {
    let waitMs = retryMs.first;
    while (!closed) {
      if (!isDue) {
        await sleep();
        continue;
      }
      isDue = false;
      try {
        const next = await make();
        retire(newest);
        newest = next;
        waitMs = retryMs.first;
      } catch (error) {
        tell(error);
        if (closed) return;
        await sleep(waitMs);
        isDue = true;
        waitMs = Math.min(2 * waitMs, retryMs.longest);
      }
    }
  };
  const following = follow();
  let closing: Promise<void> | undefined;

  return {
    get current() {
      return newest.pool;
    },
    use: (work) => newest.run(work),
    close() {
      closing ??= (async () => {
        closed = true;
        unfollow();
        wake();
        await following;
        retire(newest);
        await Promise.all(retiring);
      })();
      return closing;
    },
  };
}

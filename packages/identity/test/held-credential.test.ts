import { callContext, SecretsError } from "@keyhold/core";
import { heldCredential, heldTokens, type Issued } from "@keyhold/identity";
import { manualClock } from "@keyhold/testing";
import { expect, it } from "vitest";

/** A source whose makings end when they are told to. */
function source(lifetimeMs?: number) {
  const clock = manualClock();
  const made: { resolve(): void; reject(error: Error): void; signal: AbortSignal }[] = [];
  const held = heldCredential<string>(
    ({ signal }) =>
      new Promise<Issued<string>>((resolve, reject) => {
        const value = `credential ${made.length + 1}`;
        const expiresAt = lifetimeMs === undefined ? undefined : clock.now() + lifetimeMs;
        made.push({ resolve: () => resolve({ value, expiresAt }), reject, signal });
      }),
  );
  const get = (signal?: AbortSignal) => held.get(callContext({ clock, deadlineMs: 100_000, ...(signal && { signal }) }));
  const next = async () => {
    const value = get();
    made.at(-1)?.resolve();
    return value;
  };
  return { clock, made, held, get, next };
}

it("one caller that gives up does not take the credential from the others; when the last has gone, its making ends", async () => {
  const { made, get } = source();
  const [one, two] = [new AbortController(), new AbortController()];
  const waiting = [get(one.signal), get(two.signal)];
  one.abort();
  await expect(waiting[0]).rejects.toMatchObject({ code: "aborted" });
  expect(made[0]?.signal.aborted).toBe(false);
  two.abort();
  await expect(waiting[1]).rejects.toMatchObject({ code: "aborted" });
  expect([made.length, made[0]?.signal.aborted]).toEqual([1, true]);
});

it("a source that does not listen keeps nobody waiting for good", async () => {
  const { clock, get } = source();
  const waiting = expect(get()).rejects.toMatchObject({ code: "timeout" });
  await clock.advance(31_000);
  await waiting;
});

it("a failure is shared by those who wait, and the next call tries again", async () => {
  const { made, get, next } = source();
  const waiting = [get(), get()];
  made[0]?.reject(new SecretsError("unavailable", "down"));
  for (const one of waiting) await expect(one).rejects.toMatchObject({ code: "unavailable" });
  expect(await next()).toBe("credential 2");
});

it("a renewal that fails costs nobody anything while the old credential serves, and is not tried for each call", async () => {
  const { clock, made, get, next } = source(3_600_000);
  await next();
  await clock.advance(3_600_000 - 4 * 60_000);
  for (let call = 0; call < 10; call += 1) expect(await get()).toBe("credential 1");
  made[1]?.reject(new SecretsError("unavailable", "down"));
  await clock.advance(1_000);
  expect(await get()).toBe("credential 1");
  expect(made).toHaveLength(2);
  await clock.advance(30_000);
  await get();
  expect(made).toHaveLength(3);
});

it("it ends by the wall clock or the monotonic one, whichever says so first", async () => {
  const frozen = source(3_600_000);
  await frozen.next();
  frozen.clock.setWall(frozen.clock.now() + 3_600_000);
  expect(await frozen.next()).toBe("credential 2");
  const setBack = source(3_600_000);
  await setBack.next();
  setBack.clock.setWall(setBack.clock.now() - 86_400_000);
  await setBack.clock.advance(3_600_000);
  expect(await setBack.next()).toBe("credential 2");
});

it("one that lives for seconds is held for most of them", async () => {
  const { clock, made, next, get } = source(8_000);
  await next();
  await clock.advance(5_000);
  expect(await get()).toBe("credential 1");
  expect(made).toHaveLength(1);
});

it("refusals one after another lead to one more credential in five seconds, however many there are", async () => {
  const { clock, held, made, next, get } = source();
  const first = await next();
  expect(held.reject(first)).toBe(true);
  const second = await next();
  for (let call = 0; call < 20; call += 1) expect([held.reject(second), await get()]).toEqual([false, second]);
  expect(made).toHaveLength(2);
  await clock.advance(5_000);
  expect(held.reject(second)).toBe(true);
});

it("closing ends what waits, and every later call", async () => {
  const { held, get } = source();
  const waiting = expect(get()).rejects.toMatchObject({ code: "closed" });
  held.close();
  await waiting;
  await expect(get()).rejects.toMatchObject({ code: "closed" });
  held.close();
});

it("tokens for different scopes are held apart", async () => {
  let made = 0;
  const tokens = heldTokens(async (scope) => {
    made += 1;
    return { token: `${scope} ${made}`, expiresAt: Date.now() + 3_600_000 };
  });
  const [a, b] = [await tokens.get("a", callContext()), await tokens.get("b", callContext())];
  expect([a, b, await tokens.get("a", callContext())]).toEqual(["a 1", "b 2", "a 1"]);
  expect(tokens.reject(a)).toBe(true);
  expect([await tokens.get("a", callContext()), await tokens.get("b", callContext())]).toEqual(["a 3", "b 2"]);
  tokens.close();
  await expect(tokens.get("c", callContext())).rejects.toMatchObject({ code: "closed" });
});

import assert from "node:assert/strict";
import type { Page } from "@keyhold/core";

/** Follows a list to its end. */
export async function allPages<T>(page: (query: { cursor?: string }) => Promise<Page<T>>): Promise<readonly T[]> {
  const items: T[] = [];
  const seen = new Set<string>();
  let query: { cursor?: string } = {};
  for (;;) {
    const { items: more, next } = await page(query);
    items.push(...more);
    if (next === undefined) return items;
    assert.ok(!seen.has(next), "the list never ends: a cursor came twice");
    seen.add(next);
    query = { cursor: next };
  }
}

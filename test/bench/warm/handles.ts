import type { Handle } from "@keyhold/core";
import type { Contender } from "./contest.ts";
import { sink } from "./sink.ts";

class Getter {
  readonly #value: object;

  constructor(value: object) {
    this.#value = value;
  }

  get current(): object {
    return this.#value;
  }
}

// Several, and none twice in a row: of one alone the engine would read the field once for the whole loop.
export const handleCount = 64;

export function privateGetters(): Contender {
  const getters = Array.from({ length: handleCount }, (_none, index) => new Getter({ value: index }));
  return {
    name: "a #private getter",
    run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = (getters[turn % handleCount] as Getter).current;
    },
  };
}

export function oursHandles(handles: readonly Handle[]): Contender {
  return {
    name: "handle.current",
    run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = (handles[turn % handleCount] as Handle).current;
    },
  };
}

import { type Json, SecretsError } from "@keyhold/core";
import { pathText } from "./tool-config-problem.ts";
import type { Spot } from "./tool-place.ts";

const deepest = 64;

/** Copies what JSON can hold, each string as `text` gives it. @throws SecretsError `invalid-argument` for anything else. */
export function visitJson(
  value: unknown,
  text: (text: string, spot: Spot) => string,
  spot: Spot = { keys: [], holders: [] },
): Json {
  if (typeof value === "string") return text(value, spot);
  if (value === null || typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value))) return value;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype || isBare(value);
  if (!isPlain || spot.keys.length === deepest) {
    throw new SecretsError("invalid-argument", `${pathText(spot.keys)}: this is nothing that JSON holds`, {
      hint: "Give what JSON.parse gives: texts, numbers, lists and plain objects, without a circle.",
    });
  }
  const copied = Object.entries(value as object).map(([key, item]): [string, Json] => {
    return [key, visitJson(item, text, { keys: [...spot.keys, key], holders: [...spot.holders, value] })];
  });
  return Array.isArray(value) ? copied.map(([, item]) => item) : Object.fromEntries(copied);
}

const isBare = (value: unknown): boolean => typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;

import type { Clock } from "@keyhold/core";

// RFC 9110, 5.6.7: the one format to write, and two obsolete ones that are still to be understood.
const imfFixdate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const rfc850 = /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * How long a `Retry-After` header asks to wait, in milliseconds: seconds or a date; a date in the past is 0. Garbage, and what is
 * too long for a number, is undefined. It is not capped: the client's deadline does that.
 */
export function retryAfterMs(value: string | undefined, clock: Clock): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1000;
  if (!imfFixdate.test(text) && !rfc850.test(text) && !asctime.test(text)) return undefined;
  const at = Date.parse(asctime.test(text) ? `${text} GMT` : text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.now());
}

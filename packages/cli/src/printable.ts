/** Text from outside as it may stand on a terminal: names and messages must not move the cursor or rewrite what is above. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, "\uFFFD");
}

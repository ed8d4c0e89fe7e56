interface Message {
  readonly role: string;
  readonly content: string | null;
  readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
}

/** What the last request held, one line a message: a conversation is sent as a whole each time. */
export function conversation(received: readonly string[]): string {
  const { messages }: { readonly messages: readonly Message[] } = JSON.parse(received.at(-1) ?? '{"messages":[]}');
  const line = ({ role, content, tool_calls = [] }: Message) => {
    const calls = tool_calls.map((call) => `${call.function.name} ${call.function.arguments}`).join(", ");
    return `   ${role.padEnd(9)} ${(content || calls).replaceAll("\n", " ")}`;
  };
  return messages.map(line).join("\n");
}

/** Ways in which a value can be written. */
const written: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => Buffer.from(value).toString("base64"),
  (value) => Buffer.from(value).toString("hex"),
  encodeURIComponent,
];

/** Which of these values stand in what was received, in one way or another. */
export function found(received: readonly string[], values: Readonly<Record<string, string>>): string[] {
  const all = received.join("\n");
  return Object.keys(values).filter((name) => written.some((encode) => all.includes(encode(values[name] as string))));
}

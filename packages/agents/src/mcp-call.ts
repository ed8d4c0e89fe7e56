import { isSecretsError } from "@keyhold/core";
import type { GrantedFetch } from "./secret-fetch.ts";

/** What a model asks `call_http` for. */
export interface HttpCall {
  readonly method?: string | undefined;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

/** What a tool of MCP gives. */
interface ToolResult {
  readonly content: readonly { readonly type: "text"; readonly text: string }[];
  readonly isError?: true;
}

/** As in config files: `${aws://prod/openai#apiKey}`. */
const inBraces = /\$\{([A-Za-z][A-Za-z0-9+._-]*:\/\/[^{}]*)\}/g;

/** Sends what a model asked for. Every failure is an answer to the model: a code, what happened and what to do. */
export async function mcpCall(fetch: GrantedFetch, call: HttpCall, signal: AbortSignal): Promise<ToolResult> {
  try {
    const withPlaceholders = (text: string) => text.replace(inBraces, (_, reference: string) => fetch.placeholder(reference));
    const headers = Object.entries(call.headers ?? {}).map(([name, value]): [string, string] => {
      const written = withPlaceholders(value);
      return [name, name.toLowerCase() === "authorization" ? asBasic(written) : written];
    });
    const { method = "GET", body } = call;
    const request = { method, headers, signal, ...(body === undefined ? {} : { body }) };
    const response = await fetch(withPlaceholders(call.url), request);
    // What signs a session in is a credential too.
    const kept = [...response.headers].filter(([name]) => name !== "set-cookie");
    const answer = { status: response.status, headers: Object.fromEntries(kept), body: textOf(await response.arrayBuffer()) };
    return { content: [{ type: "text", text: JSON.stringify(answer, null, 2) }] };
  } catch (error) {
    return { isError: true, content: [{ type: "text", text: JSON.stringify({ error: describe(error) }, null, 2) }] };
  }
}

/** A model cannot be asked for base64: `Basic user:password` becomes what the header holds. */
function asBasic(value: string): string {
  const pair = /^Basic +([^\s:]*:.*)$/i.exec(value)?.[1];
  return pair === undefined ? value : `Basic ${Buffer.from(pair).toString("base64")}`;
}

function textOf(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return `(${bytes.byteLength} bytes that are no text)`;
  }
}

function describe(error: unknown) {
  // Anything else may hold anything.
  if (!isSecretsError(error)) return { code: "unknown", message: "the call failed" };
  const { code, message, hint, reference, retryable } = error;
  return { code, message, hint, reference, retryable };
}

import { type CallContext, type Locator, type Provider, SecretsError } from "@keyhold/core";
import { type HttpRequest, httpClient, httpError } from "@keyhold/http";

export interface ShelfOptions {
  /** Where the service answers, such as `https://shelf.internal`. */
  readonly address: string;
  readonly token: string;
}

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly revision: number;
  readonly savedAt: string;
}

const badInput = "Names have letters, digits, dashes and slashes; values are text of at most 4,096 bytes.";
const hints: Readonly<Record<number, string>> = {
  400: badInput,
  401: "Give shelf({ token }) a token that is still valid.",
  403: "Ask for a role that covers this path.",
  412: "Read the secret again and decide anew.",
  413: badInput,
};

/** Secrets on a shelf: versioned text with compare-and-set. */
export function shelf({ address, token }: ShelfOptions): Provider {
  const http = httpClient({ baseUrl: address });
  const pathOf = ({ path }: Locator) => `/v1/entries/${encodeURIComponent(path)}`;

  async function send(request: HttpRequest, context: CallContext): Promise<unknown> {
    const response = await http.request(
      { ...request, headers: { ...request.headers, authorization: `Bearer ${token}` } },
      context,
    );
    if (response.status < 300) return response.json();
    throw httpError(response, { provider: "shelf", clock: context.clock, hint: hints[response.status] });
  }

  return {
    kind: "shelf",
    features: { versions: true, stages: false, binary: false, leases: false, compareAndSet: true },

    async read(locator, context) {
      const entry = (await send({ path: pathOf(locator), query: { revision: locator.version } }, context)) as Entry;
      if (typeof entry.text !== "string") {
        throw new SecretsError("decode", "the shelf's answer has no text", { provider: "shelf", hint: "Is this a shelf?" });
      }
      const createdAt = Date.parse(entry.savedAt);
      return { content: { kind: "opaque", value: entry.text }, version: String(entry.revision), createdAt };
    },

    async write(locator, content, { ifVersion }, context) {
      if (content.kind === "fields" || typeof content.value !== "string") {
        throw new SecretsError("invalid-argument", "a shelf holds text", { provider: "shelf", hint: badInput });
      }
      const headers = ifVersion === null ? { "if-none-match": "*" } : { "if-match": ifVersion };
      const request = { method: "PUT", path: pathOf(locator), headers, json: { text: content.value } };
      const { revision } = (await send(request, context)) as Entry;
      return { version: String(revision) };
    },

    async list({ prefix, cursor }, context) {
      const page = (await send({ path: "/v1/entries", query: { prefix, cursor } }, context)) as {
        entries: Entry[];
        next?: string;
      };
      const items = page.entries.map(({ name, revision }) => ({ path: name, version: String(revision) }));
      return page.next === undefined ? { items } : { items, next: page.next };
    },

    async close() {
      http.close();
    },
  };
}

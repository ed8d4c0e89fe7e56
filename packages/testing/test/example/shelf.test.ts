import { testProvider } from "@keyhold/testing/vitest";
import { afterAll, beforeAll } from "vitest";
import { shelf } from "./shelf.ts";
import { type ShelfServer, startShelf } from "./shelf-server.ts";

let server: ShelfServer;
beforeAll(async () => {
  server = await startShelf();
});
afterAll(() => server.close());

const create = () => shelf({ address: server.address, token: server.token });
const reading = (path: string) => () => ({ provider: create(), locator: { path } });

testProvider("shelf", {
  create,
  maxBytes: 4_096,
  refusedNames: { reason: "names have letters, digits, dashes and slashes", pattern: /[^\w/-]/ },
  canaries: () => [server.token],
  breakIt: {
    unauthenticated: () => ({ provider: shelf({ address: server.address, token: "an-expired-token" }) }),
    "permission-denied": reading("answer-403"),
    "rate-limited": reading("answer-429"),
    unavailable: reading("answer-503"),
    decode: reading("page"),
    unknown: reading("answer-418"),
    timeout: reading("hang"),
  },
  skip: [
    { reason: "the service knows no idempotency keys", tests: ["the same idempotency key and content write once"] },
    { reason: "the service knows no labels", tests: ["labels that are written are read"] },
  ],
});

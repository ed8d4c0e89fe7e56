import { type Content, isSecretsError } from "@keyhold/core";
import { failsWith, holds } from "./assertions.ts";
import { type CaseContext, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "binary";

const bytesAs = ({ provider }: CaseContext, value: Uint8Array): Content =>
  provider.features.fields ? { kind: "fields", fields: { value } } : { kind: "opaque", value };

const everyByte = Uint8Array.from({ length: 512 }, (_, index) => index % 256);

/** Bytes that a text decoder would change: cut-off and overlong sequences, a half surrogate, a byte order mark. */
const notText = Uint8Array.from([0xef, 0xbb, 0xbf, 0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0xff, 0xfe, 0x0d, 0x0a, 0x00]);

async function roundTrip(context: CaseContext, bytes: Uint8Array): Promise<void> {
  const { provider, path, put, call } = context;
  const at = await path();
  await put(at, bytesAs(context, bytes));
  holds(await provider.read({ path: at }, call()), bytesAs(context, bytes));
}

export const binaryCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "every byte arrives as it is",
    notApplicable: ({ features }) => (features.binary ? undefined : "the backend holds text only"),
    run: (context) => roundTrip(context, everyByte),
  },
  {
    behaviour,
    title: "bytes that are no UTF-8 arrive as they are",
    notApplicable: ({ features }) => (features.binary ? undefined : "the backend holds text only"),
    run: (context) => roundTrip(context, notText),
  },
  {
    behaviour,
    title: "bytes that are UTF-8 arrive as they are",
    async run(context) {
      try {
        await roundTrip(context, Buffer.from("schlüssel 🔑"));
      } catch (error) {
        // A backend of text may refuse any bytes; it may not change them.
        if (context.provider.features.binary || !isSecretsError(error, "invalid-argument", "unsupported")) throw error;
      }
    },
  },
  {
    behaviour,
    title: "bytes are refused by a backend of text, and nothing is written",
    notApplicable: (provider, _harness) => (provider.features.binary ? "the backend holds bytes" : needs("write")(provider)),
    async run(context) {
      const { provider, path, call } = context;
      const at = await path();
      await failsWith(provider.write!({ path: at }, bytesAs(context, notText), {}, call()), "invalid-argument", "unsupported");
      await failsWith(provider.read({ path: at }, call()), "not-found");
    },
  },
];

import { createSecrets, type Provider, type Secrets } from "@keyhold/core";

/** Where the credential of a kill test lies: what a child process needs to know of it. */
export type KillPlace =
  | { readonly kind: "local"; readonly path: string; readonly identityPath: string }
  | { readonly kind: "openbao"; readonly address: string; readonly token: string }
  | {
      readonly kind: "aws";
      readonly endpoint: string;
      readonly region: string;
      readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
    };

/** Loads what it needs and no more: there are hundreds of these processes. */
export async function providerOf(place: KillPlace): Promise<Provider> {
  if (place.kind === "local") return (await import("@keyhold/local")).local(place);
  if (place.kind === "aws") return (await import("@keyhold/aws/lean")).aws(place);
  const { tokenAuth, vault } = await import("@keyhold/vault/lean");
  return vault({ address: place.address, auth: tokenAuth(place.token) });
}

/** Names that every backend takes; OpenBao has its mount in front. */
export const referenceTo = (place: KillPlace, name: string): `at://${string}` =>
  `at://${place.kind === "openbao" ? "kv/" : ""}${name}`;

export const open = (provider: Provider): Secrets<"at"> => createSecrets({ providers: { at: provider }, deadlineMs: 30_000 });

import type { CallContext } from "@keyhold/core";
import { kubernetesError } from "./kubernetes-error.ts";
import { secretPath } from "./secret-path.ts";
import type { ApiSecret, ApiSecretList, ApiStatus, Transport } from "./transport.ts";

const pageItems = 100;

export interface ListPage {
  readonly secrets: readonly ApiSecret[];
  readonly next?: string;
}

interface ListOptions {
  readonly cursor?: string | undefined;
  readonly labelSelector?: string | undefined;
}

/** One page of a namespace's secrets, their metadata alone: values do not even travel. */
export async function listSecrets(
  transport: Transport,
  namespace: string,
  { cursor, labelSelector }: ListOptions,
  context: CallContext,
): Promise<ListPage> {
  const ask = (token: string | undefined, answers: readonly number[]) =>
    transport.call<ApiSecretList & ApiStatus>(
      {
        verb: "list",
        path: secretPath(namespace),
        query: { limit: pageItems, continue: token, labelSelector },
        metadataOnly: true,
        answers,
      },
      context,
    );
  let { status, body } = await ask(cursor, [410]);
  if (status === 410) {
    // The moment that the cursor stands for is forgotten. The server gives another cursor, for the rest of the list as it is now.
    const again = body.metadata?.continue;
    if (!again) throw kubernetesError({ status, answer: body });
    ({ status, body } = await ask(again, []));
  }
  const next = body.metadata?.continue;
  return { secrets: body.items ?? [], ...(next ? { next } : {}) };
}

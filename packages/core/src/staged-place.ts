import type { CallContext, Provider } from "./provider.ts";
import { type RotationPlace, rotationId } from "./rotation-place.ts";

/**
 * The pending value as a version of the secret itself, in backends with a stage for it. Its id follows from the version that it
 * replaces, and the backend takes one content for one id: so there is one pending value for each current one.
 */
export function stagedPlace(
  provider: Provider,
  path: string,
  call: <T>(work: (context: CallContext) => Promise<T>) => Promise<T>,
): RotationPlace {
  const stage = provider.pending!;
  const read = (version: string) => call((context) => provider.read({ path, version }, context));

  return {
    async look() {
      const { current: version, pending, previous } = await call((context) => stage.state(path, context));
      const current = await read(version);
      const id = rotationId(path, version);
      if (pending === id) {
        const { content } = await read(id);
        return { current, id, stale: false, pending: { content, isCurrent: false, from: version, replaced: current } };
      }
      if (pending === undefined) return { current, id, stale: false };
      if (pending !== version) return { current, id, stale: true };
      // What became current by a rotation that was not ours, and kept its mark as AWS's own functions leave it, has ended.
      if (previous === undefined || rotationId(path, previous) !== version) return { current, id, stale: false };
      const replaced = await read(previous);
      const { content } = current;
      return { current, id: version, stale: false, pending: { content, isCurrent: true, from: previous, replaced } };
    },

    add: ({ id }, content) => call((context) => stage.add(path, content, id, context)),

    promote: ({ current, id }) => call((context) => stage.promote(path, { from: current.version, to: id }, context)),

    clear: ({ id }) => call((context) => stage.clear(path, id, context)),
  };
}

import { learnableOf } from '../../policy/families/registry.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import type { SessionConfig, Tensor } from '../../session/session.ts';

type Batch = Record<string, Tensor>;

/** Encodes a batch's observations by the frozen prefix of a bundle: the cache takes the place of what it saw. */
export async function openFrozenPrefix(
  bundle: Pick<Bundle, 'folder' | 'family' | 'architecture' | 'precision'>,
  session: SessionConfig,
) {
  const graph = await learnableOf(bundle).openPrefix(bundle, session);
  return {
    async apply({ images, camera_mask, tokens, token_mask, ...rest }: Batch): Promise<Batch> {
      return { ...rest, ...(await graph.run({ images, camera_mask, tokens, token_mask })) };
    },
    close: () => graph.release(),
  };
}

import { UserError } from '../../errors.ts';
import type { RolloutChunk } from './rollout.ts';

/** Throws a `UserError` for chunks that were encoded by a policy whose prefix has another number of tokens. */
export function demandPrefix(chunks: readonly Pick<RolloutChunk, 'valid'>[], tokens: number): void {
  const wrong = chunks.find(({ valid }) => valid.length !== tokens);
  if (wrong)
    throw new UserError(
      `a chunk's cache is of ${wrong.valid.length} tokens, this policy's of ${tokens}; encode the episodes with this bundle`,
      { kind: 'mismatch' },
    );
}

import { UserError } from '../errors.ts';
import { findNonFinite } from '../tensors/finite.ts';

/** The tokens that a chunk was made of, as it was sampled. */
export interface WrittenTokens {
  /** Ids in the order of their writing, the one that ended them included if there was room for it. */
  ids: Int32Array;
  /** [tokens] log-probability of each when it was drawn. */
  logProbabilities: Float32Array;
  /** What logits were divided by. */
  temperature: number;
  /**
   * Numbers that they decode to beyond those of a chunk, which were cut; below 0 those that were lacking, for which zeros
   * stand. Absent where they are a chunk's.
   */
  excess?: number;
}

/** Places of a chunk's tokens in a graph, those before them and padding included. */
export const TOKENS = 'tokens';

/**
 * Throws a `UserError` for logits of which one is NaN or infinite: the token that is the largest of such is chance, and
 * nothing may be moved by it.
 */
export function demandFinite(logits: Float32Array): void {
  if (findNonFinite({ dtype: 'F32', data: logits }) < 0) return;
  throw new UserError(
    "the policy's logits are not finite: weights are damaged, or too large for its precision. Nothing is moved by this chunk; run nalu verify on the bundle",
    { kind: 'invalid', subject: 'logits' },
  );
}

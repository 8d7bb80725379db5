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

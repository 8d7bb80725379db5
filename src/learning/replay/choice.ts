import type { ReplayMethod } from './replayLearning.ts';

/**
 * Choice: the policy's network stays, and critics choose each chunk from several samples of it (see Choice), as soon as
 * they are known to rank chunks beyond chance (IDQL, arXiv 2304.10573, without its training of the policy).
 */
export const CHOICE: ReplayMethod = {
  format: 'nalu-choice-1',
  chooses: true,
  openPolicy: (_context, _config, start) =>
    Promise.resolve({
      state: start,
      improve: () => Promise.resolve({}),
      close: () => Promise.resolve(),
    }),
};

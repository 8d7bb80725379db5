import { type Choosing, choosingSchema } from '../../policy/choice/choice.ts';
import type { ReplayMethod } from './replayLearning.ts';

/** A policy whose network stays. */
const unchanging = (format: string, choosing: Partial<Choosing>): ReplayMethod => ({
  format,
  choosing: choosingSchema.parse(choosing),
  openPolicy: (_context, _config, start) =>
    Promise.resolve({
      state: start,
      improve: () => Promise.resolve({}),
      close: () => Promise.resolve(),
    }),
});

/**
 * Choice: the policy's network stays, and critics choose each chunk from several samples of it (see Choice), as soon as
 * they are known to rank chunks beyond chance (IDQL, arXiv 2304.10573, without its training of the policy).
 */
export const CHOICE = unchanging('nalu-choice-1', {});

/** Edits: the same, with a small change of each sample, by a network that the critics teach (EXPO, arXiv 2507.07986). */
export const EDITS = unchanging('nalu-edits-1', { edits: 0.05 });

import { standardised } from './advantages.ts';
import type { Baseline } from './baseline.ts';

/**
 * Group-relative advantages (GRPO, arXiv 2402.03300): each chunk's is its attempt's reward, minus the mean of the
 * group and divided by its deviation. The group are the attempts of an update, as a robot cannot begin twice alike.
 */
export const groupBaseline: Baseline = {
  warmUp: 0,
  assess(attempts) {
    const rewards = standardised(attempts.map(({ reward }) => reward), Number.MIN_VALUE); // prettier-ignore
    const advantages = attempts.flatMap(({ chunks }, i) => chunks.map(() => rewards[i]));
    return Promise.resolve({ advantages, learn: () => Promise.resolve(undefined) });
  },
  scaled: (advantages) => [...advantages],
  close: () => Promise.resolve(),
};

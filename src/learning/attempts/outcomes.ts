import { UserError } from '../../errors.ts';
import type { Counts } from '../../tensors/successRates.ts';
import type { Outcomes } from '../algorithm.ts';
import type { Rollout, RolloutChunk } from './rollout.ts';

/** Whether any row of a chunk was executed. */
export const wasExecuted = ({ mask }: Pick<RolloutChunk, 'mask'>): boolean =>
  mask.some((executed) => executed > 0);

/** The attempts of which a chunk was executed. Throws a `UserError` where there is none. */
export function executedAttempts(attempts: readonly Rollout[]): Rollout[] {
  const executed = attempts.filter(({ chunks }) => chunks.some(wasExecuted));
  if (executed.length === 0)
    throw new UserError(
      `an update needs attempts with chunks that were executed; these are ${attempts.length} attempts without any`,
      { kind: 'missing' },
    );
  return executed;
}

/** How many attempts there are, and how many of them succeeded. */
export const countsOf = (attempts: readonly Pick<Rollout, 'reward'>[]): Counts => ({
  attempts: attempts.length,
  successes: attempts.filter(({ reward }) => reward > 0).length,
});

/**
 * Attempts with their outcomes as they are labelled now, without those that were discarded. One without an id, which
 * older files do not have, stays as it is.
 */
export const asLabelled = <Attempt extends { id?: string; reward: number }>(
  attempts: readonly Attempt[],
  outcomes: Outcomes,
): Attempt[] =>
  attempts.flatMap((attempt) => {
    const { id, reward: then } = attempt;
    const { reward = then } = (id === undefined ? undefined : outcomes.get(id)) ?? {};
    if (reward === null) return [];
    return reward === then ? [attempt] : [{ ...attempt, reward }];
  });

/**
 * The reason why attempts carry no signal; undefined if they do. If all executed attempts end alike, the
 * advantages are only the critics' errors, and a step along them is noise.
 */
export function uniformOutcome(
  attempts: readonly (Pick<Rollout, 'reward'> & {
    chunks: readonly Pick<RolloutChunk, 'mask'>[];
  })[],
): string | undefined {
  const executed = attempts.filter(({ chunks }) => chunks.some(wasExecuted));
  return alikeOutcomes(executed.map(({ reward }) => reward));
}

/** The reason why attempts with these rewards carry no signal; undefined if they do. */
export function alikeOutcomes(rewards: readonly number[]): string | undefined {
  if (rewards.some((reward) => reward !== rewards[0])) return undefined;
  const ended = rewards[0] > 0 ? 'succeeded' : 'failed';
  return rewards.length === 1
    ? `its one attempt ${ended}, and there is none to compare it with`
    : `all of its ${rewards.length} attempts ${ended}, so that none tells what does better`;
}

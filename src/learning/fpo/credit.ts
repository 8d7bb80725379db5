import type { ChunkRecord } from '../../episodes/episode.ts';
import type { JointState } from '../../robot/robot.ts';
import { spreadOf } from '../train/spread.ts';
import type { Rollout, RolloutChunk } from './rollout.ts';

/** When a chunk was played. */
export type Played = Pick<
  ChunkRecord,
  'observationStamp' | 'delay' | 'executedFrom' | 'executedTo' | 'held'
>;

const NANOSECONDS = 1e9;

/**
 * [horizon] 1 for the rows of a chunk that the robot was sent, else 0: those before the delay was over,
 * those that the next chunk replaced, those after the end and those held earn nothing. A record tells how
 * many rows were held, not which: where any was, a row counts if it was commanded as it is, `commands`
 * being those of the episode.
 */
export function executedRows(
  chunk: Played & Pick<ChunkRecord, 'actions' | 'horizon'>,
  commands: readonly JointState[],
): Float32Array {
  const { actions, horizon, executedFrom, executedTo, held, observationStamp } = chunk;
  const mask = new Float32Array(horizon).fill(1, executedFrom, executedTo);
  if (held === 0) return mask;
  const joints = actions.length / horizon;
  const later = commands.filter(({ stamp }) => stamp >= observationStamp);
  return mask.map((counts, row) => {
    const wanted = actions.subarray(row * joints, (row + 1) * joints);
    const sent = later.some(({ position }) => position.every((value, i) => value === wanted[i]));
    return counts * Number(sent);
  });
}

/**
 * Control steps from each chunk's first executed row to the next one's, at least 1; from the last one's
 * to its last executed row, that one included.
 */
export function stepsOfChunks(chunks: readonly Played[], controlRate: number): number[] {
  const first = chunks.map(({ observationStamp, delay, executedFrom }) => {
    const since = Number(observationStamp - chunks[0].observationStamp) / NANOSECONDS;
    // A chunk that the robot waited for begins with its first row.
    return Math.round(since * controlRate) + Math.max(delay, executedFrom);
  });
  return chunks.map(({ executedFrom, executedTo }, i) =>
    Math.max(1, i + 1 < chunks.length ? first[i + 1] - first[i] : executedTo - executedFrom),
  );
}

/** An attempt as its chunks divide it: its reward comes with the last step of the last one. */
export interface CreditedAttempt {
  /** Control steps of each chunk (see stepsOfChunks). */
  steps: readonly number[];
  /** At the end. */
  reward: number;
  /** Of each chunk's observation. */
  values: readonly number[];
}

export interface CreditRates {
  /** Discount of a control step. */
  gamma: number;
  /** Of generalised advantage estimation, a chunk. */
  lambda: number;
}

/**
 * Advantage of each chunk (generalised advantage estimation, arXiv 1506.02438): a chunk is one action of
 * as many control steps as were executed of it, so γ counts once a step and λ once a chunk. Added to the
 * values they are λ-returns.
 */
export function chunkAdvantages(
  { steps, reward, values }: CreditedAttempt,
  { gamma, lambda }: CreditRates,
): number[] {
  const advantages = new Array<number>(steps.length).fill(0);
  let later = 0;
  for (let i = steps.length - 1; i >= 0; i--) {
    const isLast = i === steps.length - 1;
    const discount = gamma ** steps[i];
    const earned = isLast ? gamma ** (steps[i] - 1) * reward : discount * values[i + 1];
    later = earned - values[i] + (isLast ? 0 : discount * lambda * later);
    advantages[i] = later;
  }
  return advantages;
}

/** Numbers less their mean, divided by their deviation, or by `floor` where that is more. */
export function standardised(values: readonly number[], floor: number): number[] {
  const { mean, deviation } = spreadOf(values);
  return values.map((value) => (value - mean) / Math.max(deviation, floor));
}

/**
 * Why attempts tell nothing of how to do better; undefined where they may. Where all that count ended alike,
 * advantages are the critics' errors alone: a step along them is noise.
 */
export function reasonToStay(
  rollouts: readonly (Pick<Rollout, 'reward'> & {
    chunks: readonly Pick<RolloutChunk, 'mask'>[];
  })[],
): string | undefined {
  const rewards = rollouts
    .filter(({ chunks }) => chunks.some(({ mask }) => mask.some((counted) => counted > 0)))
    .map(({ reward }) => reward);
  if (rewards.some((reward) => reward !== rewards[0])) return undefined;
  const ended = rewards[0] > 0 ? 'succeeded' : 'failed';
  return rewards.length === 1
    ? `its one attempt ${ended}, and there is none to compare it with`
    : `all of its ${rewards.length} attempts ${ended}, so that none tells what does better`;
}

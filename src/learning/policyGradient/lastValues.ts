import type { Rollout } from '../attempts/rollout.ts';
import type { AttemptValues } from '../metrics.ts';

/** Successes of an update whose values are told, and failures. */
const TOLD = 4;

const rounded = (value: number) => Number(value.toFixed(4));

/** The last failures and the last successes with the `values` of their chunks, concatenated in order. */
export function lastValues(
  attempts: readonly Rollout[],
  values: readonly number[],
): AttemptValues[] {
  let from = 0;
  const all = attempts.map(({ reward, chunks }) => ({
    succeeded: reward > 0,
    times: chunks.map(({ at }) => rounded(at)),
    values: values.slice(from, (from += chunks.length)).map(rounded),
  }));
  return [false, true].flatMap((kind) =>
    all.filter(({ succeeded }) => succeeded === kind).slice(-TOLD),
  );
}

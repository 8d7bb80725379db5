import { invalid } from '../../errors.ts';
import { AGE_LIMITS } from '../../guard/guardEvents.ts';
import type { Demonstration } from './demonstration.ts';
import type { Source } from './sources.ts';

const seconds = (nanoseconds: bigint) => (Number(nanoseconds) / 1e9).toFixed(2);

const limitOf = ({ kind }: Source) => BigInt(AGE_LIMITS[kind].stop) * 1_000_000n;

/** Throws a `UserError` where a topic's messages are older when they are recorded than the loop bears. */
function checkClocks(sources: readonly Source[], path: string): void {
  const stamped = sources.flatMap(({ lag, ...source }) => (lag === undefined ? [] : [{ ...source, lag }])); // prettier-ignore
  const [first] = stamped.toSorted((a, b) => Number(a.lag - b.lag));
  for (const source of stamped) {
    const behind = source.lag - first.lag;
    if (behind > limitOf(source))
      throw invalid(
        path,
        `${source.topic} is stamped ${seconds(behind)} s behind ${first.topic}, by when both were recorded; synchronise the clocks of the computers, or look for what delays it`,
      );
  }
}

/** Throws a `UserError` where a topic is silent at a step for longer than the loop bears. */
function checkSteady(source: Source, steps: readonly bigint[], path: string): void {
  const { topic, stamps } = source;
  let next = 0;
  for (const step of steps) {
    while (next + 1 < stamps.length && stamps[next + 1] <= step) next++;
    const age = step - stamps[next];
    if (age > limitOf(source))
      throw invalid(
        path,
        `${topic} has been silent for ${seconds(age)} s, ${seconds(step - steps[0])} s after the first action that everything was there for`,
      );
  }
}

/**
 * Stamps of the control steps, ns: from the first action at which every topic has spoken to the last action. Throws a
 * `UserError` that names a topic which the loop would not go on with.
 */
export function stepsOf(
  { actions, actionsFrom, sources, states }: Demonstration,
  period: bigint,
  path: string,
): bigint[] {
  checkClocks(sources, path);
  const [last] = sources.toSorted((a, b) => Number(b.stamps[0] - a.stamps[0]));
  const from = [last.stamps[0], states[0].stamp].reduce((a, b) => (a > b ? a : b));
  const first = actions.find(({ stamp }) => stamp >= from);
  const end = actions.at(-1)!.stamp;
  if (!first)
    throw invalid(
      path,
      `${last.topic} begins ${seconds(from - end)} s after the last of the ${actionsFrom}; record them together, by one clock`,
    );
  const count = Number((end - first.stamp) / period) + 1;
  const steps = Array.from({ length: count }, (_, step) => first.stamp + BigInt(step) * period);
  for (const source of sources) checkSteady(source, steps, path);
  return steps;
}

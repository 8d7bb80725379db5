import type { AttemptLine, AttemptValues, EvaluationPoint, LearningPoint } from '../../protocol.ts';
import type uPlot from 'uplot';
import { successInterval } from '../../../tensors/successRates.ts';

type Column = (number | null)[];

/** A row of the chart of success: at so many attempts, what is known. */
interface Row {
  rate?: number;
  interval?: readonly [number, number];
  random?: number;
  zero?: number;
}

function aligned(rows: ReadonlyMap<number, Row>): uPlot.AlignedData {
  const xs = [...rows.keys()].sort((a, b) => a - b);
  const column = (pick: (row: Row) => number | undefined): Column => xs.map((x) => pick(rows.get(x)!) ?? null); // prettier-ignore
  return [
    xs,
    column(({ interval }) => interval?.[1]),
    column(({ interval }) => interval?.[0]),
    column(({ rate }) => rate),
    column(({ random }) => random),
    column(({ zero }) => zero),
  ];
}

/** Success by attempts learned from: of each batch with its interval, and on held-out attempts. */
export function successCurve(
  points: readonly LearningPoint[],
  evaluations: readonly EvaluationPoint[],
): uPlot.AlignedData {
  const rows = new Map<number, Row>();
  for (const { episodes, attempts, successes, interval } of points)
    if (attempts > 0) rows.set(episodes, { rate: successes / attempts, interval });
  for (const { episodes, attempts, random, zero } of evaluations)
    rows.set(episodes, {
      ...rows.get(episodes),
      random: random / attempts,
      zero: zero / attempts,
    });
  return aligned(rows);
}

/** Attempts that a rate looks back on where nothing learns. */
export const WINDOW = 20;

/** Success over the last attempts, for a robot without a learner. */
export function attemptCurve(attempts: readonly AttemptLine[]): uPlot.AlignedData {
  const judged = attempts.filter(({ outcome }) => outcome !== 'discarded');
  const rows = new Map<number, Row>();
  judged.forEach((_, i) => {
    const window = judged.slice(Math.max(0, i + 1 - WINDOW), i + 1);
    const successes = window.filter(({ outcome }) => outcome === 'success').length;
    rows.set(i + 1, {
      rate: successes / window.length,
      interval: successInterval({ successes, attempts: window.length }),
    });
  });
  return aligned(rows);
}

/** Values along attempts, a column each: seconds of any of them, and the values where an attempt has one. */
export function valueCurves(
  attempts: readonly Pick<AttemptValues, 'times' | 'values'>[],
): uPlot.AlignedData {
  const seconds = [...new Set(attempts.flatMap(({ times }) => times))].sort((a, b) => a - b);
  const columns = attempts.map(({ times, values }): Column => {
    const known = new Map(times.map((time, i) => [time, values[i]]));
    return seconds.map((time) => known.get(time) ?? null);
  });
  return [seconds, ...columns];
}

/** Figures of the updates, one column each. */
export const updateCurve = (
  points: readonly LearningPoint[],
  ...picks: ((point: LearningPoint) => number | undefined)[]
): uPlot.AlignedData => [
  points.map(({ episodes }) => episodes),
  ...picks.map((pick): Column => points.map((point) => pick(point) ?? null)),
];

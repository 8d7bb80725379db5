import { writeFile } from 'node:fs/promises';
import { type Curve, type CurvePoint, adaptationCurve } from '../src/learning/curve.ts';
import { packagePath } from '../src/files/packagePath.ts';
import { intervalText, markdownTable } from './markdown.ts';
import { type Adaptation, type Experiment, NOMINAL, PRIOR } from './adaptationRun.ts';

const COLOURS = [
  '#d1605e',
  '#4878a8',
  '#6a9f58',
  '#85b6b2',
  '#e7ca60',
  '#a87c9f',
  '#967662',
  '#888',
  '#d37295',
  '#2f6b6b',
  '#b07c2c',
  '#5b4b8a',
];

const KINDS = { zero: 'zero noise', random: 'random noise' } as const;
type Kind = keyof typeof KINDS;

/** A run's evaluations, or where it has none on the way the attempts of each update. */
function pointsOf({ curve, explored = [] }: Adaptation, kind: Kind): CurvePoint[] {
  if (curve.length === 0) return explored;
  return curve.map(({ episodes, attempts, [kind]: successes }) => ({ episodes, attempts, successes })); // prettier-ignore
}

/** The runs' points after equally many episodes, counted together. */
function pooled(runs: readonly Adaptation[], kind: Kind): CurvePoint[] {
  const points = new Map<number, CurvePoint>();
  for (const { episodes, attempts, successes } of runs.flatMap((run) => pointsOf(run, kind))) {
    const point = points.get(episodes) ?? { episodes, attempts: 0, successes: 0 };
    point.attempts += attempts;
    point.successes += successes;
    points.set(episodes, point);
  }
  return [...points.values()].sort((a, b) => a.episodes - b.episodes);
}

/** Draws the curves of an experiment's variants, all seeds of one together; of a single one both kinds of noise. */
export async function drawExperiment(
  name: string,
  { about, variants }: Experiment,
  results: readonly Adaptation[],
): Promise<void> {
  const drawn = Object.keys(variants).filter((variant) => variants[variant].imitates === undefined);
  const isSingle = drawn.length === 1;
  const kinds: Kind[] = isSingle ? ['zero', 'random'] : ['zero'];
  const curves = drawn
    .flatMap((variant) => kinds.map((kind) => ({ variant, kind })))
    .map(({ variant, kind }) => ({
      name: isSingle ? KINDS[kind] : variant,
      points: pooled(results.filter((one) => one.variant === variant), kind), // prettier-ignore
    }))
    .filter(({ points }) => points.length > 0)
    .map((curve, i): Curve => ({ ...curve, colour: COLOURS[i % COLOURS.length] }));
  const areHeldOut = results.some(({ curve }) => curve.length > 0);
  const title = !isSingle && areHeldOut ? `${about}; ${KINDS.zero}` : about;
  await writeFile(packagePath(`docs/adapting-${name}.svg`), adaptationCurve(curves, title));
}

function share(results: readonly Adaptation[], kind: Kind): string {
  const finals = results.map(({ final }) => final);
  const attempts = finals.reduce((sum, one) => sum + one.attempts, 0);
  const successes = finals.reduce((sum, one) => sum + one[kind], 0);
  const each = finals.map((one) => ((100 * one[kind]) / one.attempts).toFixed(0)).join(', ');
  return `${((100 * successes) / attempts).toFixed(1)} % (${intervalText({ attempts, successes })}; ${each})`;
}

/** Attempts after which so large a share of the evaluation's attempts succeeded for the first time. */
const attemptsTo = (points: readonly CurvePoint[], share: number): string =>
  String(points.find(({ attempts, successes }) => successes >= share * attempts)?.episodes ?? '–');

/** Mean success over the run, in percent: the area under its curve. */
function area(points: readonly CurvePoint[]): string {
  const heights = points.map(({ attempts, successes }) => (100 * successes) / attempts);
  const whole = points
    .slice(1)
    .reduce(
      (sum, { episodes }, i) =>
        sum + ((episodes - points[i].episodes) * (heights[i] + heights[i + 1])) / 2,
      0,
    );
  const length = (points.at(-1)?.episodes ?? 0) - (points[0]?.episodes ?? 0);
  return length > 0 ? (whole / length).toFixed(0) : '–';
}

/**
 * How quickly each variant learned, from random noise, all seeds together, as a table in Markdown. Only evaluations
 * on held-out seeds count.
 */
export function speedTable({ variants }: Experiment, results: readonly Adaptation[]): string {
  const rows = Object.keys(variants).flatMap((variant) => {
    const own = results.filter((one) => one.variant === variant && one.curve.length > 0);
    if (own.length === 0) return [];
    const points = pooled(own, 'random');
    return [[variant, attemptsTo(points, 0.8), attemptsTo(points, 0.9), area(points)]];
  });
  return markdownTable(['', 'attempts to 80 %', 'to 90 %', 'mean over its run, %'], rows);
}

/** Success at the end, as a table in Markdown: all seeds together, its 95 % interval, and each seed. */
export function tableOf({ variants }: Experiment, results: readonly Adaptation[]): string {
  const rows = [NOMINAL, PRIOR, ...Object.keys(variants)].flatMap((variant) => {
    const own = results.filter((one) => one.variant === variant);
    if (own.length === 0) return [];
    const { episodes } = own[0].final;
    return [[variant, String(episodes), share(own, 'random'), share(own, 'zero')]];
  });
  return markdownTable(['', 'episodes', 'random noise', 'zero noise'], rows);
}

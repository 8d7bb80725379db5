import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import { picture, text } from './svg.ts';

/** An event in a training run's log, one per line. */
export type TrainingEvent =
  | { step: number; loss: number; norm: number; rate: number; seconds: number }
  | { step: number; evaluation: Evaluation };

/** Successes of simulated attempts with the averaged parameters. */
export interface Evaluation {
  episodes: number;
  randomNoise: number;
  zeroNoise: number;
}

const WIDTH = 800;
const HEIGHT = 440;
const MARGIN = { top: 40, right: 64, bottom: 48, left: 72 };
const COLOURS = { loss: '#4878a8', randomNoise: '#d1605e', zeroNoise: '#6a9f58' };

/** An SVG of the loss by step on a logarithmic axis, with success rates if there are evaluations. */
export function lossCurve(events: readonly TrainingEvent[], title: string): string {
  const losses = events.filter((event) => 'loss' in event);
  const evaluations = events.filter((event) => 'evaluation' in event);
  const [left, right] = [MARGIN.left, WIDTH - MARGIN.right];
  const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom];
  const last = Math.max(1, ...events.map(({ step }) => step));
  const x = scaleLinear([0, last], [left, right]);
  const values = losses.map(({ loss }) => loss);
  const y = scaleLog([Math.min(...values, 1), Math.max(...values, 1)], [bottom, top]).nice();
  const share = scaleLinear([0, 1], [bottom, top]);

  const path = (points: [number, number][], colour: string) =>
    `<path d="${line()(points) ?? ''}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  const rate = (kind: 'randomNoise' | 'zeroNoise') =>
    evaluations.map(({ step, evaluation }): [number, number] => [
      x(step),
      share(evaluation[kind] / evaluation.episodes),
    ]);
  const dots = (points: [number, number][], colour: string) =>
    points
      .map(
        ([cx, cy]) =>
          `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="3" fill="${colour}"/>`,
      )
      .join('');
  const legend = [
    ['loss', COLOURS.loss],
    ...(evaluations.length > 0
      ? [
          ['success, random noise', COLOURS.randomNoise],
          ['success, zero noise', COLOURS.zeroNoise],
        ]
      : []),
  ];

  return picture(WIDTH, HEIGHT, 12, [
    text(left, 22, title, 'font-size="15"'),
    ...x.ticks(8).map((tick) => text(x(tick), bottom + 18, String(tick), 'text-anchor="middle"')),
    text((left + right) / 2, HEIGHT - 10, 'step', 'text-anchor="middle"'),
    ...y.ticks(5).map((tick) => {
      const at = y(tick).toFixed(1);
      return (
        `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#ddd"/>` +
        text(left - 8, y(tick) + 4, y.tickFormat(5, '.2~g')(tick), 'text-anchor="end"')
      );
    }),
    ...(evaluations.length > 0
      ? share
          .ticks(5)
          .map((tick) => text(right + 8, share(tick) + 4, `${(100 * tick).toFixed(0)} %`))
      : []),
    path(
      losses.map(({ step, loss }) => [x(step), y(loss)]),
      COLOURS.loss,
    ),
    ...(['randomNoise', 'zeroNoise'] as const).map(
      (kind) => path(rate(kind), COLOURS[kind]) + dots(rate(kind), COLOURS[kind]),
    ),
    ...legend.map(([name, colour], i) =>
      text(right - 150 * (legend.length - i), 22, name, `fill="${colour}"`),
    ),
  ]);
}

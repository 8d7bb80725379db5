import { scaleLinear, scaleLog } from 'd3-scale';
import { lineChart, percentLabel } from './lineChart.ts';
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
  /** Set where noise changes nothing, so that the attempts were made once and count as both. */
  once?: boolean;
}

const WIDTH = 800;
const HEIGHT = 440;
const FRAME = { left: 72, right: 736, top: 40, bottom: 392 };
const RATES = {
  randomNoise: { name: 'success, random noise', colour: '#d1605e' },
  zeroNoise: { name: 'success, zero noise', colour: '#6a9f58' },
} as const;

/** An SVG of the loss by step on a logarithmic axis, with success rates if there are evaluations. */
export function lossCurve(events: readonly TrainingEvent[], title: string): string {
  const losses = events.filter((event) => 'loss' in event);
  const evaluations = events.filter((event) => 'evaluation' in event);
  const { left, right, top, bottom } = FRAME;
  const last = Math.max(1, ...events.map(({ step }) => step));
  const x = scaleLinear([0, last], [left, right]);
  const values = losses.map(({ loss }) => loss);
  const y = scaleLog([Math.min(...values, 1), Math.max(...values, 1)], [bottom, top]).nice();
  const share = scaleLinear([0, 1], [bottom, top]);
  const loss = {
    name: 'loss',
    colour: '#4878a8',
    points: losses.map(({ step, loss }) => ({ x: step, y: loss })),
  };
  const rates = (['randomNoise', 'zeroNoise'] as const).map((kind) => ({
    ...RATES[kind],
    points: evaluations.map(({ step, evaluation }) => ({
      x: step,
      y: evaluation[kind] / evaluation.episodes,
    })),
    dots: true,
    onRight: true,
  }));
  const series = evaluations.length > 0 ? [loss, ...rates] : [loss];
  return picture(WIDTH, HEIGHT, 12, [
    text(left, 22, title, 'font-size="15"'),
    ...lineChart({
      frame: FRAME,
      x: { at: x, ticks: x.ticks(8), label: String },
      y: { at: y, ticks: y.ticks(5), label: y.tickFormat(5, '.2~g') },
      right: {
        at: share,
        ticks: evaluations.length > 0 ? share.ticks(5) : [],
        label: percentLabel,
      },
      title: 'step',
      series,
    }),
    ...series.map(({ name, colour }, i) =>
      text(right - 150 * (series.length - i), 22, name, `fill="${colour}"`),
    ),
  ]);
}

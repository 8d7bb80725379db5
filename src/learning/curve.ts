import { scaleLinear } from 'd3-scale';
import { readEvents } from './events.ts';
import type { UpdateMetrics } from './metrics.ts';
import { successInterval } from '../tensors/successRates.ts';
import { lineChart, percentLabel } from '../charts/lineChart.ts';
import { picture, text } from '../charts/svg.ts';

/** Success counts of the attempts that an update learned from, or of an evaluation after it. */
export interface CurvePoint {
  /** Number of attempts learned from before these. */
  episodes: number;
  attempts: number;
  successes: number;
}

/** One line of a picture. */
export interface Curve {
  name: string;
  colour: string;
  points: CurvePoint[];
}

const WIDTH = 760;
const HEIGHT = 420;
const FRAME = { left: 64, right: 736, top: 44, bottom: 372 };

/** Names of curves in a row, and pixels of a row. */
const IN_ROW = 4;
const ROW = 16;

/** Curves at most whose intervals can be told apart. */
const SHADED = 5;

/** Success rates over the episodes learned from as an SVG; of few curves, each with its 95 % interval shaded. */
export function adaptationCurve(
  curves: readonly Curve[],
  title = 'Success while it learns',
): string {
  const lower = ROW * Math.max(0, Math.ceil(curves.length / IN_ROW) - 1);
  const { left, right } = FRAME;
  const [top, bottom] = [FRAME.top + lower, FRAME.bottom + lower];
  const episodes = curves.flatMap(({ points }) => points.map((point) => point.episodes));
  const x = scaleLinear([0, Math.max(1, ...episodes)], [left, right]);
  const y = scaleLinear([0, 1], [bottom, top]);
  return picture(WIDTH, HEIGHT + lower, 12, [
    text(left, 20, title, 'font-size="15"'),
    ...lineChart({
      frame: { left, right, top, bottom },
      x: { at: x, ticks: x.ticks(8), label: String },
      y: { at: y, ticks: y.ticks(5), label: percentLabel },
      title: 'episodes learned from',
      series: curves.map(({ colour, points }) => ({
        colour,
        points: points.map((point) => ({
          x: point.episodes,
          y: point.successes / point.attempts,
          ...(curves.length <= SHADED && { band: successInterval(point) }),
        })),
        dots: true,
      })),
    }),
    ...curves.map(({ name, colour }, i) =>
      text(left + 170 * (i % IN_ROW), 36 + ROW * Math.floor(i / IN_ROW), name, `fill="${colour}"`),
    ),
  ]);
}

/**
 * Success counts of the (exploring) attempts in the log of a learner's folder. Of an update repeated after a
 * kill, the last one counts. `say` receives the warnings of readJsonLines.
 */
export async function readCurve(folder: string, say?: (line: string) => void): Promise<Curve[]> {
  const reports = new Map<number, UpdateMetrics>();
  for (const event of await readEvents(folder, say))
    if ('report' in event) reports.set(event.report.update, event.report);
  const points: CurvePoint[] = [];
  let episodes = 0;
  for (const { attempts, successes } of reports.values()) {
    points.push({ episodes, attempts, successes });
    episodes += attempts;
  }
  return [{ name: 'attempts learned from', colour: '#4878a8', points }];
}

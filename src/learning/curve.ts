import { join } from 'node:path';
import { scaleLinear } from 'd3-scale';
import { labelledOutcomes } from '../episodes/labels.ts';
import { writeWhole } from '../files/writeWhole.ts';
import { plural } from '../terminal/plural.ts';
import { readEvents } from './events.ts';
import { countUpdates } from './updates.ts';
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
  /** Attempts whose outcome was corrected after they had been counted; the points have them as corrected. */
  corrected?: number;
}

const WIDTH = 760;
const HEIGHT = 420;
const FRAME = { left: 64, right: 736, top: 44, bottom: 372 };

/** Names of curves in a row, and pixels of a row. */
const IN_ROW = 4;
const ROW = 16;

/** Curves at most whose intervals can be told apart. */
const SHADED = 5;

/** The title, and how many outcomes were corrected. */
function titleOf(title: string, curves: readonly Curve[]): string {
  const corrected = curves.reduce((sum, curve) => sum + (curve.corrected ?? 0), 0);
  if (corrected === 0) return title;
  return `${title}; ${plural(corrected, 'outcome')} corrected since`;
}

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
    text(left, 20, titleOf(title, curves), 'font-size="15"'),
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
 * Success counts of the (exploring) attempts in the log of a learner's folder, as they are labelled now. An update of
 * which all attempts were discarded since has no point. `say` receives the warnings of readJsonLines.
 */
export async function readCurve(folder: string, say?: (line: string) => void): Promise<Curve[]> {
  const labels = await labelledOutcomes(join(folder, 'episodes'));
  const updates = countUpdates(await readEvents(folder, say), labels);
  const points = updates
    .filter(({ attempts }) => attempts > 0)
    .map(({ before, attempts, successes }): CurvePoint => ({ episodes: before, attempts, successes })); // prettier-ignore
  const corrected = updates.reduce((sum, update) => sum + update.corrected, 0);
  return [{ name: 'attempts learned from', colour: '#4878a8', points, corrected }];
}

/** Success by episodes, as a picture in a folder. */
export const CURVE = 'curve.svg';

/** Draws the success of a learner's attempts in its folder. */
export const drawCurve = async (folder: string): Promise<void> =>
  writeWhole(join(folder, CURVE), adaptationCurve(await readCurve(folder)));

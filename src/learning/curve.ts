import { scaleLinear } from 'd3-scale';
import { area, line } from 'd3-shape';
import { readEvents } from './events.ts';
import type { UpdateMetrics } from './metrics.ts';
import { successInterval } from './versions.ts';
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
const MARGIN = { top: 44, right: 24, bottom: 48, left: 64 };

const rateOf = ({ attempts, successes }: CurvePoint) => successes / attempts;

/** Success rates over the episodes learned from, each with its 95 % interval shaded, as an SVG. */
export function adaptationCurve(
  curves: readonly Curve[],
  title = 'Success while it learns',
): string {
  const [left, right] = [MARGIN.left, WIDTH - MARGIN.right];
  const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom];
  const last = Math.max(
    1,
    ...curves.flatMap(({ points }) => points.map((point) => point.episodes)),
  );
  const x = scaleLinear([0, last], [left, right]);
  const y = scaleLinear([0, 1], [bottom, top]);
  const band = area<CurvePoint>()
    .x(({ episodes }) => x(episodes))
    .y0((point) => y(successInterval(point)[0]))
    .y1((point) => y(successInterval(point)[1]));
  const path = line<CurvePoint>()
    .x(({ episodes }) => x(episodes))
    .y((point) => y(rateOf(point)));
  return picture(WIDTH, HEIGHT, 12, [
    text(left, 20, title, 'font-size="15"'),
    ...y.ticks(5).map((tick) => {
      const at = y(tick).toFixed(1);
      return (
        `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="#ddd"/>` +
        text(left - 8, y(tick) + 4, `${(100 * tick).toFixed(0)} %`, 'text-anchor="end"')
      );
    }),
    ...x.ticks(8).map((tick) => text(x(tick), bottom + 18, String(tick), 'text-anchor="middle"')),
    text((left + right) / 2, HEIGHT - 10, 'episodes learned from', 'text-anchor="middle"'),
    ...curves.flatMap(({ colour, points }) => [
      `<path d="${band(points) ?? ''}" fill="${colour}" opacity="0.15"/>`,
      `<path d="${path(points) ?? ''}" fill="none" stroke="${colour}" stroke-width="1.8"/>`,
      ...points.map(
        (point) =>
          `<circle cx="${x(point.episodes).toFixed(1)}" cy="${y(rateOf(point)).toFixed(1)}" r="2.5" fill="${colour}"/>`,
      ),
    ]),
    ...curves.map(({ name, colour }, i) =>
      text(left + 170 * (i % 4), 38 + 16 * Math.floor(i / 4), name, `fill="${colour}"`),
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

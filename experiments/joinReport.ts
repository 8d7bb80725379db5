import { scaleLinear } from 'd3-scale';
import { lineChart } from '../src/charts/lineChart.ts';
import { picture, text } from '../src/charts/svg.ts';
import type { JoinCell } from './joinCells.ts';
import { intervalText, markdownTable } from './markdown.ts';
import { JOINS, type JoinKind } from '../src/policy/joinKinds.ts';

const COLOURS: Record<JoinKind, string> = {
  swap: '#888888',
  synchronous: '#967662',
  ensemble: '#e0a030',
  exact: '#4878a8',
  approximate: '#85b6b2',
  trained: '#d1605e',
};

const PANEL = { width: 380, height: 300 };
const MARGIN = { top: 60, right: 20, bottom: 44, left: 62 };

interface Panel {
  title: string;
  of: (cell: JoinCell) => number;
  say: (value: number) => string;
}

const PANELS: Panel[] = [
  { title: 'success', of: ({ successes, attempts }) => (100 * successes) / attempts, say: (x) => `${x} %` },
  { title: 'largest acceleration at joins, rad/s²', of: ({ motion }) => motion.acceleration.joins.largest, say: String },
  { title: 'largest jerk at joins, rad/s³', of: ({ motion }) => motion.jerk.joins.largest, say: String },
]; // prettier-ignore

const inOrder = (cells: readonly JoinCell[], join: JoinKind) =>
  cells.filter((cell) => cell.join === join).sort((a, b) => a.delay - b.delay);

function panelOf({ title, of, say }: Panel, cells: readonly JoinCell[], at: number): string[] {
  const [left, right] = [at + MARGIN.left, at + PANEL.width - MARGIN.right];
  const [top, bottom] = [MARGIN.top, PANEL.height - MARGIN.bottom];
  const x = scaleLinear([0, Math.max(...cells.map(({ delay }) => delay))], [left, right]);
  const y = scaleLinear([0, Math.max(...cells.map(of))], [bottom, top]).nice();
  return [
    text(left, top - 12, title, 'font-size="13"'),
    ...lineChart({
      frame: { left, right, top, bottom },
      x: { at: x, ticks: [...new Set(cells.map(({ delay }) => delay))], label: String },
      y: { at: y, ticks: y.ticks(5), label: say },
      title: 'delay of a chunk, ms',
      series: JOINS.map((join) => ({
        colour: COLOURS[join],
        points: inOrder(cells, join).map((cell) => ({ x: cell.delay, y: of(cell) })),
        dots: true,
      })),
    }),
  ];
}

/** Success, acceleration and jerk by delay, a line for each way to join, as an SVG. */
export function drawJoins(cells: readonly JoinCell[]): string {
  const kinds = JOINS.filter((join) => cells.some((cell) => cell.join === join));
  return picture(PANEL.width * PANELS.length, PANEL.height, 11, [
    ...kinds.map((join, i) => text(MARGIN.left + 110 * i, 22, join, `fill="${COLOURS[join]}" font-size="13"`)), // prettier-ignore
    ...PANELS.flatMap((panel, i) => panelOf(panel, cells, PANEL.width * i)),
  ]);
}

const whole = (value: number) => value.toFixed(0);

/** All figures, as a table in Markdown. */
export function joinTable(cells: readonly JoinCell[]): string {
  const head = [
    ...['join', 'delay, ms', 'success (95 %)', 'steps of a success'],
    ...['largest acceleration at joins, within', 'mean', 'largest jerk at joins, within'],
  ];
  const rows = JOINS.flatMap((join) =>
    inOrder(cells, join).map((cell) => {
      const { acceleration, jerk } = cell.motion;
      return [
        join,
        String(cell.delay),
        `${cell.successes} of ${cell.attempts} (${intervalText(cell)})`,
        cell.steps === null ? '' : whole(cell.steps),
        `${whole(acceleration.joins.largest)}, ${whole(acceleration.within.largest)}`,
        `${acceleration.joins.mean.toFixed(1)}, ${acceleration.within.mean.toFixed(1)}`,
        `${whole(jerk.joins.largest)}, ${whole(jerk.within.largest)}`,
      ];
    }),
  );
  return markdownTable(head, rows);
}

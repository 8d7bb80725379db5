import { scaleLinear } from 'd3-scale';
import { type Embodiment, UNITS } from '../robot/embodiment.ts';
import { lineChart } from '../charts/lineChart.ts';
import { picture, text } from '../charts/svg.ts';

const PANEL = { width: 190, height: 130 };
const MARGIN = { top: 24, right: 10, bottom: 22, left: 42 };
const COLUMNS = 7;
const TITLE = 34;

/** The data of a chunk's plot. */
export interface DrawnChunk {
  /** [joints] observed position: rad, openings. */
  position: Float64Array;
  /** [horizon, joints] rad, openings. */
  actions: Float32Array;
  horizon: number;
}

/**
 * A chunk as an SVG with one panel per joint: positions over the horizon in seconds, the joint's limits (shaded)
 * and its observed position (dot). The curve is red if it leaves the limits.
 */
export function chunkPlot(
  { joints, controlRate }: Embodiment,
  { position, actions, horizon }: DrawnChunk,
  title: string,
): string {
  const frame = {
    left: MARGIN.left,
    right: PANEL.width - MARGIN.right,
    top: MARGIN.top,
    bottom: PANEL.height - MARGIN.bottom,
  };
  const x = scaleLinear([0, horizon / controlRate], [frame.left, frame.right]);
  const panels = joints.map(({ name, kind, lower, upper }, joint) => {
    const rows = Array.from({ length: horizon }, (_, row) => actions[row * joints.length + joint]);
    const values = [...rows, position[joint]].filter(Number.isFinite);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const room = Math.max(0.05, 0.1 * (most - least));
    const y = scaleLinear([least - room, most + room], [frame.bottom, frame.top]);
    const clamp = (value: number) => Math.min(frame.bottom, Math.max(frame.top, y(value)));
    const isOutside = rows.some((value) => !(value >= lower && value <= upper));
    const [column, rank] = [joint % COLUMNS, Math.floor(joint / COLUMNS)];
    return [
      `<g transform="translate(${column * PANEL.width} ${TITLE + rank * PANEL.height})">`,
      text(frame.left, 14, `${name} (${kind === 'gripper' ? 'opening' : UNITS[kind]})`),
      `<rect x="${frame.left}" width="${frame.right - frame.left}" y="${clamp(upper).toFixed(1)}" height="${(clamp(lower) - clamp(upper)).toFixed(1)}" fill="#eef3f8"/>`,
      ...lineChart({
        frame,
        x: { at: x, ticks: x.ticks(2), label: (tick) => `${tick} s` },
        y: { at: y, ticks: y.ticks(3), label: y.tickFormat(3) },
        series: [
          {
            colour: isOutside ? '#d1605e' : '#4878a8',
            points: rows.map((value, row) => ({ x: (row + 1) / controlRate, y: value })),
          },
        ],
      }),
      `<circle cx="${x(0)}" cy="${y(position[joint]).toFixed(1)}" r="3"/>`,
      '</g>',
    ].join('\n');
  });
  const width = COLUMNS * PANEL.width;
  const height = TITLE + Math.ceil(joints.length / COLUMNS) * PANEL.height;
  return picture(width, height, 11, [text(MARGIN.left, 22, title, 'font-size="14"'), ...panels]);
}

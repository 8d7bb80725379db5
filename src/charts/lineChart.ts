import { area, line } from 'd3-shape';
import { text } from './svg.ts';

/** Where an axis has its values in the picture, and which of them are labelled. */
export interface Axis {
  /** Pixels from the picture's left, or from its top. */
  at: (value: number) => number;
  ticks: readonly number[];
  label: (tick: number) => string;
}

export interface Point {
  x: number;
  /** A line has a gap where it is not finite. */
  y: number;
  /** Least and greatest value of an interval around `y`, which is shaded. */
  band?: readonly [number, number];
}

/** A line of a chart. */
export interface Series {
  colour: string;
  points: readonly Point[];
  /** Marks each point. */
  dots?: boolean;
  /** Whether it is drawn by the chart's right axis. */
  onRight?: boolean;
}

/** The part of a picture that a chart's lines take, pixels. */
export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface LineChart {
  frame: Frame;
  x: Axis;
  y: Axis;
  right?: Axis;
  /** What the x axis measures. */
  title?: string;
  series: readonly Series[];
}

function seriesElements({ colour, points, dots }: Series, x: Axis, y: Axis): string[] {
  const shaded = points.filter(({ band }) => band !== undefined);
  const band = area<Point>()
    .x((point) => x.at(point.x))
    .y0((point) => y.at(point.band![0]))
    .y1((point) => y.at(point.band![1]));
  const path = line<Point>()
    .defined((point) => Number.isFinite(point.y))
    .x((point) => x.at(point.x))
    .y((point) => y.at(point.y));
  const dot = (point: Point) =>
    `<circle cx="${x.at(point.x).toFixed(1)}" cy="${y.at(point.y).toFixed(1)}" r="2.5" fill="${colour}"/>`;
  return [
    ...(shaded.length > 0
      ? [`<path d="${band(shaded) ?? ''}" fill="${colour}" opacity="0.15"/>`]
      : []),
    `<path d="${path(points) ?? ''}" fill="none" stroke="${colour}" stroke-width="1.5"/>`,
    ...(dots ? points.map(dot) : []),
  ];
}

/** The elements of a chart: grid, labels, lines. */
export function lineChart({ frame, x, y, right, title, series }: LineChart): string[] {
  const { left, right: end, bottom } = frame;
  return [
    ...y.ticks.map((tick) => {
      const at = y.at(tick).toFixed(1);
      return (
        `<line x1="${left}" x2="${end}" y1="${at}" y2="${at}" stroke="#ddd"/>` +
        text(left - 6, y.at(tick) + 4, y.label(tick), 'text-anchor="end"')
      );
    }),
    ...(right?.ticks.map((tick) => text(end + 8, right.at(tick) + 4, right.label(tick))) ?? []),
    ...x.ticks.map((tick) => text(x.at(tick), bottom + 16, x.label(tick), 'text-anchor="middle"')),
    ...(title === undefined
      ? []
      : [text((left + end) / 2, bottom + 36, title, 'text-anchor="middle"')]),
    ...series.flatMap((one) => seriesElements(one, x, one.onRight && right ? right : y)),
  ];
}

/** The label of a share, 0 to 1. */
export const percentLabel = (share: number): string => `${(100 * share).toFixed(0)} %`;

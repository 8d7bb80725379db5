import type { Palette } from '../theme.ts';
import type { DrawnArm } from './arms.ts';
import type { Extent, Projection } from './projection.ts';

type Context = CanvasRenderingContext2D;
type Point = readonly [number, number, number];

function line(context: Context, project: Projection, points: readonly Point[]): void {
  context.beginPath();
  for (const [x, y, z] of points) context.lineTo(...project(x, y, z));
  context.stroke();
}

/** m between the lines of the table. */
const MESH = 0.1;

/** The table's plane, and the axes of the robot's frame. */
export function drawTable(
  context: Context,
  project: Projection,
  { centre, radius }: Extent,
  colours: Palette,
): void {
  // prettier-ignore
  const z = centre[2] - 0.2;
  const half = Math.ceil((0.85 * radius) / MESH) * MESH;
  const count = Math.round((2 * half) / MESH);
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  for (let i = 0; i <= count; i++) {
    const offset = -half + i * MESH;
    line(context, project, [
      [centre[0] + offset, centre[1] - half, z],
      [centre[0] + offset, centre[1] + half, z],
    ]);
    line(context, project, [
      [centre[0] - half, centre[1] + offset, z],
      [centre[0] + half, centre[1] + offset, z],
    ]);
  }
  const corner: Point = [centre[0] - half, centre[1] - half, z];
  const ends: [string, Point][] = [
    ['x', [corner[0] + 0.15, corner[1], z]],
    ['y', [corner[0], corner[1] + 0.15, z]],
    ['z', [corner[0], corner[1], z + 0.15]],
  ];
  context.strokeStyle = context.fillStyle = colours.muted;
  context.lineWidth = 1.5;
  context.font = '12px system-ui, sans-serif';
  for (const [name, end] of ends) {
    line(context, project, [corner, end]);
    const [x, y] = project(...end);
    context.fillText(name, x + 3, y - 3);
  }
}

const pointsOf = (flat: Float64Array): Point[] =>
  Array.from({ length: flat.length / 3 }, (_, i) => [
    flat[3 * i],
    flat[3 * i + 1],
    flat[3 * i + 2],
  ]);

export interface ArmLook {
  /** Its links. */
  colour: string;
  /** Whether it is only outlined, as a target is. */
  ghost: boolean;
}

/** An arm's middle line with its joints, and its shadow on the table. */
export function drawArm(
  context: Context,
  project: Projection,
  arm: DrawnArm,
  positions: ArrayLike<number>,
  floor: number,
  { colour, ghost }: ArmLook,
  colours: Palette,
): void {
  const points = pointsOf(arm.at(positions));
  context.lineCap = context.lineJoin = 'round';
  context.strokeStyle = colour;
  if (ghost) {
    context.globalAlpha = 0.5;
    context.setLineDash([3, 4]);
    context.lineWidth = 2;
    line(context, project, points);
    context.setLineDash([]);
    context.globalAlpha = 1;
    return;
  }
  context.globalAlpha = 0.12;
  context.lineWidth = 9;
  context.strokeStyle = colours.text;
  line(context, project, points.map(([x, y]): Point => [x, y, floor])); // prettier-ignore
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 7;
  line(context, project, points.slice(0, arm.hand + 1));
  context.lineWidth = 4;
  line(context, project, points.slice(arm.hand));
  for (const [x, y, z] of points.slice(0, arm.hand + 1)) {
    context.beginPath();
    context.arc(...project(x, y, z), 5, 0, 2 * Math.PI);
    context.fillStyle = colours.surface;
    context.fill();
    context.lineWidth = 2.5;
    context.stroke();
  }
}

/** What became of a chunk's rows: those before `from` were dropped or committed, those from `to` on are replaced. */
export interface Progress {
  from: number;
  now: number;
  to: number;
}

/** How the parts of a path are drawn; each has its own kind of line. */
export const PATH_LINES = {
  passed: { dash: [1, 5], width: 2.5, alpha: 0.9 },
  executed: { dash: [], width: 4, alpha: 1 },
  ahead: { dash: [8, 5], width: 2.5, alpha: 1 },
  beyond: { dash: [2, 6], width: 1.5, alpha: 0.55 },
} as const satisfies Record<string, { dash: readonly number[]; width: number; alpha: number }>;
export type PathLine = keyof typeof PATH_LINES;

export function setLine(context: Context, kind: PathLine): void {
  const { dash, width, alpha } = PATH_LINES[kind];
  context.setLineDash([...dash]);
  context.lineWidth = width;
  context.globalAlpha = alpha;
}

/** The way of a gripper over a chunk. */
export function drawPath(
  context: Context,
  project: Projection,
  path: Float64Array,
  { from, now, to }: Progress,
  colour: string,
): void {
  const points = pointsOf(path);
  const at = Math.max(from, Math.min(to, now));
  const parts: [PathLine, number, number][] = [
    ['beyond', to, points.length],
    ['ahead', at, to],
    ['passed', 0, from],
    ['executed', from, at],
  ];
  context.strokeStyle = context.fillStyle = colour;
  for (const [kind, first, end] of parts) {
    setLine(context, kind);
    if (end > first) line(context, project, points.slice(first, end + 1));
  }
  context.setLineDash([]);
  context.globalAlpha = 1;
  const here = points[Math.min(points.length - 1, Math.floor(at))];
  if (!here) return;
  context.beginPath();
  context.arc(...project(...here), 4, 0, 2 * Math.PI);
  context.fill();
}

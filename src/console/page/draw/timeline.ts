import type { ConsoleJoint, EpisodeReplay } from '../../protocol.ts';
import { inUnit } from '../format.ts';
import type { Palette } from '../theme.ts';

type Context = CanvasRenderingContext2D;
/** Heights of the chunks' numbers above the course, and of the seconds below it. */
const TOP = 18;
const BOTTOM = 16;
/** Least pixels between two of the seconds that are written. */
const APART = 44;

/** Draws one joint's values [times, joints] as a line. */
function drawLine(
  context: Context,
  times: Float32Array,
  values: Float32Array,
  [joint, joints]: readonly [number, number],
  at: (time: number, value: number) => [number, number],
): void {
  context.beginPath();
  for (let i = 0; i < times.length; i++)
    context.lineTo(...at(times[i], values[i * joints + joint]));
  context.stroke();
}

/** Seconds along the lower edge, and at the left the joint's limits, between which its course is drawn. */
function drawScales(
  context: Context,
  [width, height]: readonly [number, number],
  { length, joint: { lower, upper, kind } }: { length: number; joint: ConsoleJoint },
  colours: Palette,
): void {
  const seconds = length / 1000;
  const every = [1, 2, 5, 10, 30, 60].find((step) => (step * width) / seconds >= APART) ?? 300;
  context.fillStyle = colours.muted;
  for (let at = every; at < seconds; at += every) {
    const x = (at / seconds) * width;
    context.fillRect(x, height - BOTTOM, 1, 3);
    context.fillText(`${at} s`, x + 3, height - BOTTOM + 3);
  }
  context.fillText(inUnit(upper, kind), 4, TOP + 1);
  context.fillText(inUnit(lower, kind), 4, height - BOTTOM - 13);
}

/** One joint over an episode: measured and commanded, the chunks, and where the replay is. */
export function drawTimeline(
  context: Context,
  [width, height]: readonly [number, number],
  { times, measured, commandTimes, commands, chunks, joints }: EpisodeReplay,
  joint: number,
  { time, length }: { time: number; length: number },
  colours: Palette,
): void {
  const { lower, upper } = joints[joint];
  const x = (ms: number) => (ms / Math.max(1, length)) * width;
  const y = (value: number) =>
    TOP + (1 - (value - lower) / (upper - lower)) * (height - TOP - BOTTOM);
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'top';
  chunks.forEach(({ time: begins, index }, i) => {
    const ends = chunks[i + 1]?.time ?? length;
    context.fillStyle = colours.sunken;
    if (i % 2 === 0) context.fillRect(x(begins), 0, x(ends) - x(begins), height);
    context.fillStyle = colours.muted;
    context.fillRect(x(begins), 0, 1, height);
    const room = x(ends) - x(begins);
    if (room > 22) context.fillText(room > 56 ? `chunk ${index}` : `${index}`, x(begins) + 4, 3);
  });
  drawScales(context, [width, height], { length, joint: joints[joint] }, colours);
  const which = [joint, joints.length] as const;
  const at = (ms: number, value: number): [number, number] => [x(ms), y(value)];
  context.lineJoin = 'round';
  context.strokeStyle = colours['series-2'];
  context.lineWidth = 1.5;
  context.setLineDash([5, 3]);
  drawLine(context, commandTimes, commands, which, at);
  context.setLineDash([]);
  context.strokeStyle = colours.accent;
  context.lineWidth = 2;
  drawLine(context, times, measured, which, at);
  context.fillStyle = colours.text;
  context.fillRect(x(time) - 1, 0, 2, height);
}

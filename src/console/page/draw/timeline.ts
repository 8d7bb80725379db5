import type { EpisodeReplay } from '../../protocol.ts';
import type { Palette } from '../theme.ts';

type Context = CanvasRenderingContext2D;
const TOP = 18;

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
  const y = (value: number) => TOP + (1 - (value - lower) / (upper - lower)) * (height - TOP - 4);
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'top';
  chunks.forEach(({ time: begins, index }, i) => {
    const ends = chunks[i + 1]?.time ?? length;
    context.fillStyle = colours.sunken;
    if (i % 2 === 0) context.fillRect(x(begins), 0, x(ends) - x(begins), height);
    context.fillStyle = colours.muted;
    context.fillRect(x(begins), 0, 1, height);
    if (x(ends) - x(begins) > 22) context.fillText(String(index), x(begins) + 4, 3);
  });
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

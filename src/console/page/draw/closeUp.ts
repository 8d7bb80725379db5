import type { Palette } from '../theme.ts';
import { extentOfPath } from './arms.ts';
import type { Orbit } from './orbit.ts';
import { projection } from './projection.ts';
import { type Progress, drawPath } from './scene.ts';

/** Where the close-up of the arm at this place among the others lies: side by side from the upper left corner. */
export function placeOf(arm: number, width: number, height: number) {
  const size = Math.min(110, 0.3 * width, 0.36 * height);
  return { left: arm * (size + 8), top: 0, size };
}

/** The way of a gripper as it is seen from `orbit`, as large as its square holds, with a scale. */
export function drawCloseUp(
  context: CanvasRenderingContext2D,
  orbit: Orbit,
  { name, path, progress }: { name: string; path: Float64Array; progress: Progress },
  { left, top, size }: ReturnType<typeof placeOf>,
  colour: string,
  colours: Palette,
): void {
  const extent = extentOfPath(path);
  context.save();
  context.translate(left, top);
  context.beginPath();
  context.roundRect(0.5, 0.5, size - 1, size - 1, 6);
  context.fillStyle = colours.surface;
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  context.stroke();
  context.clip();
  drawPath(context, projection({ ...orbit, zoom: 1 }, extent, size, size), path, progress, colour);
  context.fillStyle = context.strokeStyle = colours.muted;
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'alphabetic';
  context.fillText(name, 6, 14);
  // At zoom 1 a radius is 0.37 of the width.
  const bar = 0.37 * size;
  context.fillRect(6, size - 7, bar, 2);
  context.fillText(`${100 * extent.radius} cm`, bar + 11, size - 4);
  context.restore();
}

import { useMemo } from 'preact/hooks';
import type { ConsoleJoint } from '../../protocol.ts';
import { hundredths, inUnit } from '../format.ts';
import { type Palette, palette } from '../theme.ts';
import { Canvas } from './Canvas.tsx';

/** Joints as they are measured, and as they are commanded. */
export interface JointReading {
  measured: ArrayLike<number>;
  target?: ArrayLike<number>;
}

interface Props {
  joints: readonly ConsoleJoint[];
  /** Reads signals: the bars follow them. */
  read: () => JointReading | undefined;
  /** Joints at which something has just happened. */
  marked?: { readonly value: ReadonlySet<string> };
}

/** Height of a joint's row. */
const ROW = 23;
/** Height of a joint's range, which holds the figures of its limits. */
const BAR = 14;
const NAME = 120;
const VALUE = 68;
/** Share of a joint's range at its ends in which it counts as near its limit. */
const NEAR = 0.03;

/** The limits of a joint, in the ends of its bar. */
function drawLimits(
  context: CanvasRenderingContext2D,
  { lower, upper }: Pick<ConsoleJoint, 'lower' | 'upper'>,
  [first, last, y]: readonly [number, number, number],
  colours: Palette,
): void {
  context.font = '10px system-ui, sans-serif';
  context.fillStyle = colours.muted;
  context.textAlign = 'left';
  context.fillText(hundredths(lower), first + 3, y);
  context.textAlign = 'right';
  context.fillText(hundredths(upper), last - 3, y);
}

function drawJoint(
  context: CanvasRenderingContext2D,
  { name, lower, upper, kind }: ConsoleJoint,
  { measured, target }: { measured: number; target?: number },
  isMarked: boolean,
  [left, top, width]: readonly [number, number, number],
  colours: Palette,
): void {
  const middle = top + ROW / 2;
  const share = (value: number) => Math.max(0, Math.min(1, (value - lower) / (upper - lower)));
  const at = (value: number) => left + NAME + share(value) * (width - NAME - VALUE);
  const isNear = kind !== 'gripper' && (share(measured) < NEAR || share(measured) > 1 - NEAR);
  context.textBaseline = 'middle';
  context.textAlign = 'left';
  context.font = `${isMarked ? '600 ' : ''}12.5px system-ui, sans-serif`;
  context.fillStyle = isMarked ? colours.warn : colours.muted;
  context.fillText(`${isMarked ? '▲ ' : ''}${name}`, left, middle, NAME - 8);
  const [first, last] = [at(lower), at(upper)];
  context.fillStyle = colours.sunken;
  context.beginPath();
  context.roundRect(first, middle - BAR / 2, last - first, BAR, 4);
  context.fill();
  context.fillStyle = colours.line;
  if (lower < 0 && upper > 0) context.fillRect(at(0) - 0.5, middle - BAR / 2, 1, BAR);
  drawLimits(context, { lower, upper }, [first, last, middle], colours);
  context.fillStyle = isNear || isMarked ? colours.warn : colours.accent;
  context.beginPath();
  context.roundRect(at(measured) - 2, middle - 9, 4, 18, 2);
  context.fill();
  if (target !== undefined) {
    const x = at(target);
    context.beginPath();
    context.moveTo(x, middle - 5);
    context.lineTo(x + 5, middle);
    context.lineTo(x, middle + 5);
    context.lineTo(x - 5, middle);
    context.closePath();
    context.strokeStyle = colours.text;
    context.lineWidth = 1.5;
    context.stroke();
  }
  context.textAlign = 'right';
  context.font = '12px ui-monospace, "DejaVu Sans Mono", monospace';
  context.fillStyle = isNear ? colours.warn : colours.text;
  context.fillText(`${isNear ? '!' : ''}${inUnit(measured, kind)}`, left + width, middle); // prettier-ignore
}

/** A bar a joint: its range, where it is measured, and where it is commanded to. */
export function JointBars({ joints, read, marked }: Props) {
  const draw = useMemo(
    () => (context: CanvasRenderingContext2D, width: number) => {
      const reading = read();
      const columns = width > 620 ? 2 : 1;
      const rows = Math.ceil(joints.length / columns);
      const column = (width - (columns - 1) * 32) / columns;
      joints.forEach((joint, i) => {
        if (!reading) return;
        const place = [Math.floor(i / rows) * (column + 32), (i % rows) * ROW, column] as const;
        const of = { measured: reading.measured[i], target: reading.target?.[i] };
        const isMarked = marked?.value.has(joint.name) ?? false;
        drawJoint(context, joint, of, isMarked, place, palette.value);
      });
    },
    [joints, marked],
  );
  const label = `Positions of ${joints.length} joints within their limits: ${joints.map(({ name, kind, lower, upper }) => `${name} ${inUnit(lower, kind)} to ${inUnit(upper, kind)}`).join(', ')}`;
  return (
    <div
      class="joint-bars"
      style={{
        '--rows': joints.length,
        '--half': Math.ceil(joints.length / 2),
        '--row': `${ROW}px`,
      }}
    >
      <Canvas draw={draw} label={label} />
    </div>
  );
}

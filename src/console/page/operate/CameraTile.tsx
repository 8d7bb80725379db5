import { computed, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import type { ConsoleCamera } from '../../protocol.ts';
import { drawPicture } from '../draw/picture.ts';
import { age } from '../format.ts';
import { now } from '../live/clock.ts';
import { type Shown, takenAt, watchCamera } from '../live/pictures.ts';
import { topics } from '../live/topics.ts';
import { Canvas, type Draw } from '../parts/Canvas.tsx';
import { Icon } from '../parts/Icon.tsx';

/** Milliseconds beyond which a picture is stale. */
const STALE = 1000;

/** Tenths of a percent, the least that is told of a view. */
const tenths = (share: number) => `${Math.abs(100 * share).toFixed(1)}\u00a0%`;

/** Where the policy looks, from the middle of a picture: "3.0 % right, 0.2 % down". */
function viewText([right, down]: [number, number]): string {
  const across = `${tenths(right)} ${right > 0 ? 'right' : 'left'}`;
  const along = `${tenths(down)} ${down > 0 ? 'down' : 'up'}`;
  const told = [across, along].filter((text) => !text.startsWith('0.0'));
  return told.length === 0 ? 'straight ahead' : told.join(', ');
}

function drawer(name: string, picture: { value: Shown | undefined }): Draw {
  return (context, width, height) => {
    if (!picture.value) return;
    const { x, y, columns, rows } = drawPicture(context, picture.value.bitmap, width, height);
    const view = topics.chunk.value?.view?.[name];
    if (!view) return;
    // The policy's input is a square about the picture; its view is shifted by shares of the square's side.
    const side = Math.max(columns, rows);
    context.beginPath();
    context.rect(x, y, columns, rows);
    context.save();
    context.clip();
    context.beginPath();
    context.rect(x + view[0] * side + 1.5, y + view[1] * side + 1.5, columns - 3, rows - 3);
    context.lineWidth = 3;
    context.strokeStyle = '#0009';
    context.stroke();
    context.setLineDash([7, 5]);
    context.lineWidth = 2;
    context.strokeStyle = '#ffffff';
    context.stroke();
    context.restore();
  };
}

/** A camera's newest picture, how old it is, and where the policy looks in it. */
export function CameraTile({ camera: { name, width, height, used } }: { camera: ConsoleCamera }) {
  const picture = useMemo(() => signal<Shown | undefined>(undefined), []);
  useEffect(() => watchCamera(name, (shown) => (picture.value = { ...shown })), [name]);
  const draw = useMemo(() => drawer(name, picture), [name]);
  const passed = useMemo(() => computed(() => {
    const taken = now.value > 0 ? takenAt(name) : undefined;
    return taken === undefined ? undefined : performance.now() - taken;
  }), [name]); // prettier-ignore
  const isStale = passed.value === undefined || passed.value > STALE;
  const view = topics.chunk.value?.view?.[name];
  const text = passed.value === undefined ? 'no picture yet' : age(passed.value);
  return (
    <figure class={`camera ${isStale ? 'stale' : ''}`} data-testid={`camera-${name}`}>
      <div class="camera-picture" style={{ '--aspect': width / height }}>
        <Canvas draw={draw} label={`Camera ${name}`} />
        {isStale && (
          <div class="camera-stale">
            <Icon name="warning" size={28} />
            <strong>{passed.value === undefined ? 'No picture' : `Old: ${text}`}</strong>
          </div>
        )}
      </div>
      <figcaption>
        <span class="camera-name">{name}</span>
        {used && (
          <span class="camera-used" title="The policy sees it">
            <Icon name="eye" size={15} />
            <span class="unseen">The policy sees it</span>
          </span>
        )}
        <span class="tabular camera-age">{text}</span>
        {view && <span class="tabular camera-view">looks {viewText(view)}</span>}
      </figcaption>
    </figure>
  );
}

import type { Signal } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { FIRST, KEYS, type Orbit, turned, zoomed } from '../draw/orbit.ts';
import { Canvas, type Draw } from './Canvas.tsx';
import { Icon } from './Icon.tsx';

interface Props {
  orbit: Signal<Orbit>;
  draw: Draw;
  label: string;
}

/** Radians per pixel. */
const DRAG = 0.008;

/** A view in space that is turned by dragging, by two fingers, by the wheel or by keys. */
export function Space({ orbit, draw, label }: Props) {
  const fingers = useRef(new Map<number, [number, number]>());
  const handlers = useMemo(() => {
    const distance = () => {
      const [[ax, ay], [bx, by]] = [...fingers.current.values()];
      return Math.hypot(ax - bx, ay - by);
    };
    return {
      onPointerDown(event: PointerEvent) {
        (event.currentTarget as Element).setPointerCapture(event.pointerId);
        fingers.current.set(event.pointerId, [event.offsetX, event.offsetY]);
      },
      onPointerMove(event: PointerEvent) {
        const before = fingers.current.get(event.pointerId);
        if (!before) return;
        const apart = fingers.current.size === 2 ? distance() : undefined;
        fingers.current.set(event.pointerId, [event.offsetX, event.offsetY]);
        const [dx, dy] = [event.offsetX - before[0], event.offsetY - before[1]];
        orbit.value =
          apart === undefined
            ? turned(orbit.value, -DRAG * dx, DRAG * dy)
            : zoomed(orbit.value, distance() / apart);
      },
      onPointerUp: (event: PointerEvent) => void fingers.current.delete(event.pointerId),
      onPointerCancel: (event: PointerEvent) => void fingers.current.delete(event.pointerId),
      onWheel(event: WheelEvent) {
        if (!event.ctrlKey && document.activeElement !== event.currentTarget) return;
        event.preventDefault();
        orbit.value = zoomed(orbit.value, Math.exp(-event.deltaY / 500));
      },
      onKeyDown(event: KeyboardEvent) {
        const change = KEYS[event.key];
        if (!change) return;
        event.preventDefault();
        orbit.value = change(orbit.value);
      },
    };
  }, [orbit]);
  return (
    <div class="space">
      <Canvas draw={draw} label={label} tabIndex={0} {...handlers} />
      <div class="space-buttons">
        <button
          type="button"
          class="quiet"
          aria-label="Nearer"
          onClick={() => (orbit.value = zoomed(orbit.value, 1.25))}
        >
          <Icon name="plus" size={16} />
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="Farther"
          onClick={() => (orbit.value = zoomed(orbit.value, 0.8))}
        >
          <Icon name="minus" size={16} />
        </button>
        <button
          type="button"
          class="quiet"
          aria-label="First view"
          onClick={() => (orbit.value = FIRST)}
        >
          <Icon name="home" size={16} />
        </button>
      </div>
    </div>
  );
}

import { effect, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { HTMLAttributes } from 'preact';

/** Draws into an area of `width` × `height` CSS pixels, which is empty. */
export type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void;

interface Props extends Omit<HTMLAttributes<HTMLCanvasElement>, 'label'> {
  draw: Draw;
  /** What it shows, for those who do not see it. */
  label: string;
}

/** A canvas as large as its place, drawn anew whenever its size or a signal that `draw` has read changes. */
export function Canvas({ draw, label, ...others }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current!;
    const context = element.getContext('2d')!;
    const size = signal({ width: 0, height: 0 });
    const observer = new ResizeObserver(([{ contentRect: { width, height } }]) => { size.value = { width, height }; }); // prettier-ignore
    observer.observe(element);
    const stop = effect(() => {
      const { width, height } = size.value;
      if (width === 0 || height === 0) return;
      const scale = window.devicePixelRatio;
      const [columns, rows] = [Math.round(width * scale), Math.round(height * scale)];
      if (element.width !== columns) element.width = columns;
      if (element.height !== rows) element.height = rows;
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, height);
      draw(context, width, height);
    });
    return () => {
      stop();
      observer.disconnect();
    };
  }, [draw]);
  return <canvas ref={canvas} role="img" aria-label={label} {...others} />;
}

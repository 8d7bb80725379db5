import { type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';

/** Where a replay is. */
export interface Player {
  /** ms since the episode's first joint state. */
  time: Signal<number>;
  isPlaying: Signal<boolean>;
  /** Times the speed at which it was recorded. */
  speed: Signal<number>;
  /** ms */
  length: number;
  toggle: () => void;
  seek: (time: number) => void;
}

export const SPEEDS = [0.25, 0.5, 1, 2];

/** Plays an episode of this length, in step with the display, while the component is there. */
export function usePlayer(length: number): Player {
  const player = useMemo((): Player => {
    const time = signal(0);
    const isPlaying = signal(false);
    const seek = (wanted: number) => (time.value = Math.max(0, Math.min(length, wanted)));
    return {
      time,
      isPlaying,
      speed: signal(1),
      length,
      seek,
      toggle() {
        if (!isPlaying.value && time.value >= length) time.value = 0;
        isPlaying.value = !isPlaying.value;
      },
    };
  }, [length]);
  useEffect(() => {
    let before = performance.now();
    let frame = requestAnimationFrame(function step(at) {
      const passed = at - before;
      before = at;
      if (player.isPlaying.value) {
        player.seek(player.time.value + passed * player.speed.value);
        if (player.time.value >= length) player.isPlaying.value = false;
      }
      frame = requestAnimationFrame(step);
    });
    return () => cancelAnimationFrame(frame);
  }, [player]);
  return player;
}

/** Index of the last of these ascending times that is not after `time`; 0 if all are. */
export function indexAt(times: ArrayLike<number>, time: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

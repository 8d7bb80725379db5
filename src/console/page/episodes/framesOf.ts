import { signal } from '@preact/signals';
import { ask } from '../live/connection.ts';
import { decodeJpeg } from '../live/pictures.ts';
import { indexAt } from './player.ts';

/** Pictures of a camera that are kept. */
const MOST = 40;

/**
 * The pictures of one camera of an episode. `show` asks for the one at a time, one at a time: while one comes, only
 * the newest wish waits.
 */
export function framesOf(id: string, camera: string, times: Float32Array) {
  const shown = signal<{ bitmap: ImageBitmap } | undefined>(undefined);
  const problem = signal(false);
  const kept = new Map<number, ImageBitmap>();
  let wanted = -1;
  let isBusy = false;
  let isClosed = false;

  const keep = (index: number, bitmap: ImageBitmap) => {
    kept.set(index, bitmap);
    for (const [oldest, old] of kept) {
      if (kept.size <= MOST) break;
      if (oldest === index || old === shown.value?.bitmap) continue;
      kept.delete(oldest);
      old.close();
    }
  };

  const fetchWanted = async () => {
    if (isBusy) return;
    isBusy = true;
    let index = -1;
    while (!isClosed && index !== wanted) {
      index = wanted;
      try {
        const { value } = await ask('episodePicture', { id, camera, time: times[index] });
        const bitmap = await decodeJpeg(value.jpeg);
        if (isClosed) return bitmap.close();
        problem.value = false;
        shown.value = { bitmap };
        keep(index, bitmap);
      } catch {
        problem.value = true;
      }
    }
    isBusy = false;
  };

  return {
    shown,
    problem,
    show(time: number) {
      if (times.length === 0) return;
      const index = indexAt(times, time);
      if (index === wanted) return;
      wanted = index;
      const known = kept.get(index);
      if (known) shown.value = { bitmap: known };
      else void fetchWanted();
    },
    close() {
      isClosed = true;
      shown.value = undefined;
      for (const bitmap of kept.values()) bitmap.close();
      kept.clear();
    },
  };
}
export type Frames = ReturnType<typeof framesOf>;

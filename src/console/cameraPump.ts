import { setImmediate } from 'node:timers/promises';
import type { Console } from './console.ts';
import type { CameraPicture } from './protocol.ts';

/** Milliseconds between two pictures of each camera, at least. */
const PERIOD = 100;

/** Milliseconds to rest after pictures that took so many. */
const pauseAfter = (took: number) => Math.max(PERIOD - took, Math.min(took, PERIOD));

/**
 * Shows cameras' pictures at the console while somebody watches: `take` gives one of each, at most ten times a second.
 * Between two it rests for as long as they took, at most for a period. Returns what ends it.
 */
export function pumpCameras(
  console: Console,
  take: () => Promise<CameraPicture[]>,
  onProblem: (error: unknown) => void,
): () => void {
  let timer: NodeJS.Timeout;
  let ended = false;
  const round = async () => {
    const began = performance.now();
    try {
      if (console.watched)
        for (const picture of await take()) {
          console.picture(picture);
          // A control step that is due does not wait for all of them.
          await setImmediate();
        }
    } catch (error) {
      onProblem(error);
    }
    const took = performance.now() - began;
    if (!ended) timer = setTimeout(() => void round(), pauseAfter(took));
  };
  timer = setTimeout(() => void round(), PERIOD);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}

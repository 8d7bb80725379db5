import type { Console } from './console.ts';
import type { CameraPicture } from './protocol.ts';

/** Milliseconds between two pictures of each camera, at least. */
const PERIOD = 100;

/** Milliseconds to rest after pictures that took so many. */
const pauseAfter = (took: number) => Math.max(PERIOD - took, Math.min(took, PERIOD));

/**
 * Shows cameras' pictures at the console while somebody watches: `take` gives a camera's newest, if it has any. They are
 * asked for one by one, so that a control step that is due waits for one of them at most; each camera at most ten times
 * a second. Between two rounds it rests for as long as one took, at most for a period. Returns what ends it.
 */
export function pumpCameras(
  console: Console,
  cameras: readonly string[],
  take: (camera: string) => Promise<CameraPicture | undefined>,
  onProblem: (error: unknown) => void,
): () => void {
  let timer: NodeJS.Timeout;
  let ended = false;
  const round = async () => {
    const began = performance.now();
    try {
      if (console.watched)
        for (const camera of cameras) {
          const picture = await take(camera);
          if (picture) console.picture(picture);
        }
    } catch (error) {
      if (!ended) onProblem(error);
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

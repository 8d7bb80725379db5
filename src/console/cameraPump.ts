import type { Console } from './console.ts';
import type { CameraPicture } from './protocol.ts';

/** Milliseconds between two pictures of each camera, at least. */
const PERIOD = 100;

/**
 * Shows cameras' pictures at the console while somebody watches: `take` gives one of each, as fast as the machine can,
 * at most ten times a second. Returns what ends it.
 */
export function pumpCameras(
  console: Console,
  take: () => Promise<CameraPicture[]>,
  onProblem: (error: unknown) => void,
): () => void {
  let isTaking = false;
  const timer = setInterval(() => {
    if (isTaking || !console.watched) return;
    isTaking = true;
    take()
      .then((pictures) => pictures.forEach((picture) => console.picture(picture)), onProblem)
      .finally(() => (isTaking = false));
  }, PERIOD);
  return () => clearInterval(timer);
}

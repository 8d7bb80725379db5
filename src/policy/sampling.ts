import { createSight } from '../images/coverage.ts';
import type { Scaler } from '../images/scaling.ts';
import type { Bundle } from './bundle/config.ts';
import { createCameraImages } from './cameraImages.ts';
import type { Chunk } from './chunkPolicy.ts';
import type { Feeds, SampleRequest } from './family.ts';

/** A chunk whose network is about to run. */
interface Prepared<R> {
  feeds: Feeds;
  /** The chunk of what the network computes. */
  chunk: (result: R) => Omit<Chunk, 'sight' | 'timing'> | Promise<Omit<Chunk, 'sight' | 'timing'>>;
}

/** What samplers of all families share: images, what of them shows nothing, and the times of a chunk. */
export function createSampling<R>(
  { cameras, shape }: Bundle,
  scaler: Scaler,
  run: (feeds: Feeds) => Promise<R>,
) {
  const images = createCameraImages(shape.images, scaler);
  const blindness = createSight(cameras);
  return {
    images,
    /** Computes a chunk; `prepare` receives the places of the cameras that there are images of. */
    sample: async (
      { images: given, state, absent = [] }: SampleRequest,
      prepare: (present: readonly number[]) => Prepared<R>,
    ): Promise<Chunk> => {
      const present = cameras.map((_, i) => i).filter((i) => !absent.includes(i));
      given?.forEach((image, i) => images.see(present[i], image));
      const began = performance.now() - images.takeTime();
      const sight = blindness(images.pictures, state, present);
      const { feeds, chunk } = prepare(present);
      const preprocessed = performance.now();
      const sampled = await chunk(await run(feeds));
      const ran = performance.now();
      return {
        ...sampled,
        ...(sight && { sight }),
        timing: {
          preprocess: preprocessed - began,
          run: ran - preprocessed,
          total: performance.now() - began,
        },
      };
    },
  };
}

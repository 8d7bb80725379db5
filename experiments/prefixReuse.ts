import { delegatePolicy } from '../src/policy/policyWrappers.ts';
import type { ChunkPolicy } from '../src/policy/chunkPolicy.ts';
import type { CameraFrame } from '../src/robot/robot.ts';

/** When a chunk uses the prefix of an earlier one again. */
export interface ReuseRule {
  /** Largest mean difference of the images' bytes from those of that prefix; null for any. */
  difference: number | null;
  /** Chunks in a row that may use it again. */
  inARow: number;
}

function meanDifference(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  let sum = 0;
  let count = 0;
  a.forEach((image, i) => {
    image.forEach((byte, at) => (sum += Math.abs(byte - b[i][at])));
    count += image.length;
  });
  return sum / count;
}

const pixelsOf = (frames: readonly CameraFrame[]) => Promise.all(frames.map((one) => one.pixels()));

/**
 * A policy whose chunks see what a prefix that is used again would hold: the images that it was computed
 * from. Joints are the newest, as π0's action expert takes them.
 */
export function reusingPrefix(policy: ChunkPolicy, { difference, inARow }: ReuseRule) {
  let encoded: { frames: CameraFrame[]; pixels: Uint8Array[]; since: number } | undefined;
  let chunks = 0;
  let reused = 0;
  const reusing = delegatePolicy(policy, {
    async sample(observation, noise, join) {
      const pixels = await pixelsOf(observation.frames);
      const again =
        encoded !== undefined &&
        encoded.since < inARow &&
        (difference === null || meanDifference(pixels, encoded.pixels) <= difference);
      encoded = again
        ? { ...encoded!, since: encoded!.since + 1 }
        : { frames: observation.frames, pixels, since: 0 };
      chunks += 1;
      if (again) reused += 1;
      return policy.sample({ ...observation, frames: encoded.frames }, noise, join);
    },
  });
  return {
    policy: reusing,
    /** Forgets the images, and tells how many chunks there were since the last call. */
    startAnew: () => {
      const counts = { chunks, reused };
      encoded = undefined;
      [chunks, reused] = [0, 0];
      return counts;
    },
  };
}

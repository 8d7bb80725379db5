import type { Join } from '../policy/chunkPolicy.ts';
import type { Contract } from './contract.ts';
import type { Size } from '../images/scaling.ts';
import type { Order } from './layouts.ts';
import { type NdArray, float32Array, float64Array, uint8Array } from './ndarray.ts';
import type { Wire } from './wire.ts';

/** [height, width, 3] → [3, height, width]. */
function planes(image: Uint8Array): Uint8Array {
  const pixels = image.length / 3;
  const out = new Uint8Array(image.length);
  for (let pixel = 0, at = 0; pixel < pixels; pixel++) {
    out[pixel] = image[at++];
    out[pixels + pixel] = image[at++];
    out[2 * pixels + pixel] = image[at++];
  }
  return out;
}

const imageOf = (picture: Uint8Array, { width, height }: Size, order: Order): NdArray =>
  order === 'HWC'
    ? uint8Array(picture, [height, width, 3])
    : uint8Array(planes(picture), [3, height, width]);

/** What a request holds beside its images. */
export interface Asked {
  state: Float64Array;
  prompt: string;
  noise: Float32Array;
  join?: Join;
}

/** A request in the layout of openpi's ALOHA clients. */
export function requestOf(
  { cameras, sizes, order, joints, noise: size }: Contract,
  pictures: readonly Uint8Array[],
  { state, prompt, noise, join }: Asked,
): Wire {
  const images = cameras.map((camera, i) => {
    return [camera, imageOf(pictures[i], sizes[i], order)] as const;
  });
  return {
    state: float64Array(state, [joints]),
    images: Object.fromEntries(images),
    prompt,
    ...(size && { noise: float32Array(noise, size) }),
    ...(join && {
      nalu: {
        join: {
          rows: float32Array(join.rows, [join.rows.length / joints, joints]),
          delay: join.delay,
        },
      },
    }),
  };
}

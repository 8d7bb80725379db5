import { Tensor } from '../../../session/session.ts';
import type { Feeds } from '../../family.ts';
import type { OnnxArchitecture, OnnxImage } from './architecture.ts';

/** For each channel the value of each byte. */
const valuesOf = ({ range: [low, high], mean, std }: OnnxImage) =>
  mean.map((middle, channel) =>
    Float32Array.from({ length: 256 }, (_, byte) => {
      return (low + ((high - low) * byte) / 255 - middle) / std[channel];
    }),
  );

/** Writes RGB bytes [height, width, 3] in a model's layout, each byte as `valueOf` a channel gives it. */
function layOut(
  pixels: Uint8Array,
  target: Float32Array | Uint8Array,
  layout: OnnxImage['layout'],
  values: readonly ArrayLike<number>[],
): void {
  const plane = pixels.length / 3;
  for (let channel = 0; channel < 3; channel++) {
    const table = values[channel];
    let at = layout === 'CHW' ? channel * plane : channel;
    const step = layout === 'CHW' ? 1 : 3;
    for (let from = channel; from < pixels.length; from += 3, at += step)
      target[at] = table[pixels[from]];
  }
}

const BYTES = [0, 1, 2].map(() => Uint8Array.from({ length: 256 }, (_, byte) => byte));

/** Makes an image's input of its pixels; the tensor is filled anew each time. */
export function imageInput(image: OnnxImage, type: 'float32' | 'uint8') {
  const { width, height, layout } = image;
  const dims = layout === 'CHW' ? [1, 3, height, width] : [1, height, width, 3];
  const count = 3 * width * height;
  if (type === 'uint8') {
    const data = new Uint8Array(count);
    const tensor = new Tensor('uint8', data, dims);
    return (pixels: Uint8Array): Tensor => {
      layOut(pixels, data, layout, BYTES);
      return tensor;
    };
  }
  const data = new Float32Array(count);
  const tensor = new Tensor('float32', data, dims);
  const values = valuesOf(image);
  return (pixels: Uint8Array): Tensor => {
    layOut(pixels, data, layout, values);
    return tensor;
  };
}

/** A state [stateDim] as the model's input, if it reads one. */
export const stateInput = (
  { state: name, stateDim }: OnnxArchitecture,
  state: Float32Array,
): Feeds => (name === undefined ? {} : { [name]: new Tensor('float32', state, [1, stateDim]) });

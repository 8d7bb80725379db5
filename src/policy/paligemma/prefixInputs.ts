import type { Dim } from '../../onnx/dim.ts';
import type { Graph } from '../../onnx/graph.ts';
import type { PaliGemmaConfig } from './config.ts';
import type { PrefixInputs } from './prefix.ts';
import { patchesOfBytes, patchesOfImages } from './vision.ts';

/** How images enter: RGB bytes [.., side, side, 3], or floats [.., 3, side, side] in −1…1. */
export type ImageInput = 'bytes' | 'floats';

export const BATCH = 'batch';
export const CAMERAS = 'cameras';
export const TEXT = 'text';
/** Cameras and prompt tokens of a graph's inputs, open where they may differ from call to call. */
export interface PrefixSizes {
  /** Open where absent. */
  batch?: Dim;
  cameras: Dim;
  text: Dim;
}

const OPEN_SIZES: PrefixSizes = { cameras: CAMERAS, text: TEXT };

/** What the prefix is made from, as a graph's inputs. */
export function prefixInputs(
  graph: Graph,
  config: PaliGemmaConfig,
  images: ImageInput,
  masked = true,
  { batch = BATCH, cameras, text }: PrefixSizes = OPEN_SIZES,
): PrefixInputs {
  const { imageSize } = config.vision;
  const patches =
    images === 'bytes'
      ? patchesOfBytes(
          graph.input('images', 'uint8', [batch, cameras, imageSize, imageSize, 3]),
          config,
        )
      : patchesOfImages(
          graph.input('images', 'float32', [batch, cameras, 3, imageSize, imageSize]),
          config,
        );
  const tokens = graph.input('tokens', 'int64', [batch, text]);
  if (!masked) return { patches, cameras, tokens };
  const masks = {
    cameras: graph.input('camera_mask', 'bool', [batch, cameras]),
    tokens: graph.input('token_mask', 'bool', [batch, text]),
  };
  return { patches, cameras, tokens, masks };
}

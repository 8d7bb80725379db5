import { previewOf } from '../src/images/previewOf.ts';
import { serve } from '../src/processes/serve.ts';

/** The size of cameras' pictures. */
export interface PreviewerWork {
  width: number;
  height: number;
}

export interface PreviewerFunctions {
  /** A camera's picture for people, as a JPEG. */
  preview: () => Promise<Uint8Array>;
}

/** In the place of the process that takes a robot's images, as far as it makes pictures for people. */
serve<PreviewerFunctions, PreviewerWork>(({ width, height }) => {
  const pixels = new Uint8Array(width * height * 3).map((_, index) => index % 251);
  const frame = { camera: '', stamp: 0n, width, height, pixels: () => Promise.resolve(pixels) };
  return { preview: () => previewOf(frame) };
});

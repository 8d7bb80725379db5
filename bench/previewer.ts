import { previewOf } from '../src/images/previewOf.ts';
import { serve } from '../src/processes/serve.ts';

/** How many cameras there are, and the size of their pictures. */
export interface PreviewerWork {
  cameras: number;
  width: number;
  height: number;
}

export interface PreviewerFunctions {
  /** A picture of each camera for people, as a JPEG. */
  previews: () => Promise<Uint8Array[]>;
}

/** In the place of the process that takes a robot's images, as far as it makes pictures for people. */
serve<PreviewerFunctions, PreviewerWork>(({ cameras, width, height }) => {
  const pixels = new Uint8Array(width * height * 3).map((_, index) => index % 251);
  const frame = { camera: '', stamp: 0n, width, height, pixels: () => Promise.resolve(pixels) };
  return { previews: () => Promise.all(Array.from({ length: cameras }, () => previewOf(frame))) };
});

import {
  type FramedSize,
  type Image,
  type Placing,
  type Scaler,
  type Size,
  placingOf,
} from '../images/scaling.ts';

/** The newest image of each of a policy's cameras, scaled to the policy's input size. */
export interface CameraImages {
  /** RGB bytes of all cameras, concatenated. */
  readonly bytes: Uint8Array;
  /** [height, width, 3] of each camera, as views of `bytes`. */
  readonly pictures: readonly Uint8Array[];
  /** The rectangle that each camera's image occupies in its frame. */
  readonly placings: readonly Placing[];
  /** Scales a camera's image; cameras are numbered as in the bundle. */
  readonly see: (camera: number, image: Image) => void;
  /** Time spent on images since the last call, ms. */
  takeTime(): number;
}

const bytesOf = ({ width, height }: Size) => width * height * 3;

/** Views of `bytes`, one per camera. */
export function picturesIn(bytes: Uint8Array, sizes: readonly Size[]): Uint8Array[] {
  let from = 0;
  return sizes.map((size) => bytes.subarray(from, (from += bytesOf(size))));
}

export function createCameraImages(sizes: readonly FramedSize[], scaler: Scaler): CameraImages {
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + bytesOf(size), 0));
  const pictures = picturesIn(bytes, sizes);
  const placings: Placing[] = [];
  let spent = 0;
  return {
    bytes,
    pictures,
    placings,
    see(camera, image) {
      const began = performance.now();
      scaler.scale(image, sizes[camera], pictures[camera]);
      placings[camera] = placingOf(image, sizes[camera]);
      spent += performance.now() - began;
    },
    takeTime() {
      const time = spent;
      spent = 0;
      return time;
    },
  };
}

import type { CameraFrame } from '../robot/robot.ts';
import { type ImageMemory, type SharedImage, newestBytes } from './scaling.ts';

/**
 * A camera's place in a memory that its worker scales images in: each frame is copied over the one before,
 * since a worker's requests wait for each other.
 */
export function imageSlot(memory: ImageMemory) {
  const place = newestBytes(memory);
  return async (frame: CameraFrame): Promise<SharedImage> => {
    const { width, height } = frame;
    const pixels = await frame.pixels();
    const slot = place(pixels.length);
    slot.set(pixels);
    return { width, height, at: slot.byteOffset };
  };
}

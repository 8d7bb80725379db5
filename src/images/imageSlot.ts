import type { CameraFrame } from '../robot/robot.ts';
import { type ImageMemory, type SharedImage, newestBytes } from './scaling.ts';

/**
 * A camera's slot in the memory where its worker scales images. Each frame overwrites the one before, which
 * is safe because a worker handles one request at a time.
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

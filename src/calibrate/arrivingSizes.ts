import type { Calibration } from '../robot/calibration.ts';
import { cropFits } from '../robot/crop.ts';

/** Width and height of a topic's images as they arrive, pixels. */
export type ImageSizes = ReadonlyMap<string, { width: number; height: number }>;

/** The calibration with the sizes that images arrive in, by topic; crops that they have no room for left out. */
export function withSizes(calibration: Calibration, sizes: ImageSizes): Calibration {
  const cameras = calibration.cameras.map((camera) => {
    const size = sizes.get(camera.topic);
    if (!size) return camera;
    const { crop, ...rest } = camera;
    const fits = crop && cropFits(crop, size);
    return { ...rest, ...(fits ? { crop } : {}), width: size.width, height: size.height };
  });
  return { ...calibration, cameras };
}

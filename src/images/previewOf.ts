import sharp from 'sharp';
import type { CameraFrame } from '../robot/robot.ts';

/** Pixels of a preview's longer side, at most, and its quality as JPEG. */
const SIDE = 480;
const QUALITY = 75;

/** A frame as a JPEG for a page. */
export async function previewOf(frame: CameraFrame): Promise<Uint8Array> {
  const { width, height } = frame;
  return sharp(await frame.pixels(), { raw: { width, height, channels: 3 } })
    .resize(SIDE, SIDE, { fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}

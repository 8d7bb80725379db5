import sharp from 'sharp';
import type { ImageSize, SimulatedAloha } from './simulatedAloha.ts';

/** Writes a PNG of the cameras' present images, two beside each other, in the order given. */
export async function snapshot(
  sim: SimulatedAloha,
  cameras: string[],
  file: string,
  size: ImageSize = { width: 640, height: 480 },
): Promise<void> {
  const columns = Math.min(2, cameras.length);
  const rows = Math.ceil(cameras.length / columns);
  const tiles = cameras.map((camera, tile) => ({
    input: Buffer.from(sim.picture(camera, size)),
    raw: { ...size, channels: 3 as const },
    left: (tile % columns) * size.width,
    top: Math.floor(tile / columns) * size.height,
  }));
  await sharp({
    create: {
      width: columns * size.width,
      height: rows * size.height,
      channels: 3,
      background: 'black',
    },
  })
    .composite(tiles)
    .png()
    .toFile(file);
}

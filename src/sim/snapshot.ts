import { extname } from 'node:path';
import sharp from 'sharp';
import { UserError, invalid } from '../errors.ts';
import { writeWhole } from '../files/writeWhole.ts';
import { type SceneChoice, type SimulatedAloha, simulatedAloha } from './simulatedAloha.ts';
import type { SimTaskName } from './taskNames.ts';
import { type ImageSize } from './pictures.ts';

const FORMATS: Record<string, 'png' | 'jpeg' | 'webp'> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
};

/** The image format of a file extension. Throws a `UserError` for an unsupported one. */
export function formatOf(file: string): 'png' | 'jpeg' | 'webp' {
  const ending = extname(file);
  const format = FORMATS[ending.toLowerCase()];
  if (!format)
    throw invalid(
      file,
      `${ending ? `no picture is written as ${ending}` : 'it has no ending'}; end it in ${Object.keys(FORMATS).join(', ')}`,
    );
  return format;
}

/** Writes a picture of the cameras' current images in their order, two per row. */
export async function snapshot(
  sim: SimulatedAloha,
  cameras: readonly string[],
  file: string,
  size: ImageSize = { width: 640, height: 480 },
): Promise<void> {
  const format = formatOf(file);
  const columns = Math.min(2, cameras.length);
  const rows = Math.ceil(cameras.length / columns);
  const tiles = cameras.map((camera, tile) => ({
    input: Buffer.from(sim.picture(camera, size)),
    raw: { ...size, channels: 3 as const },
    left: (tile % columns) * size.width,
    top: Math.floor(tile / columns) * size.height,
  }));
  const picture = sharp({
    create: {
      width: columns * size.width,
      height: rows * size.height,
      channels: 3,
      background: 'black',
    },
  }).composite(tiles);
  await writeWhole(file, await picture.toFormat(format).toBuffer());
}

export interface SceneSnapshot extends SceneChoice {
  task: SimTaskName;
  seed: number;
  drawGroups?: readonly number[];
}

/** Writes a picture of all named cameras of a scene at a seed. Resolves to their names. */
export async function snapshotScene(
  file: string,
  { task, seed, scene, sceneMap, drawGroups }: SceneSnapshot,
): Promise<readonly string[]> {
  const sim = await simulatedAloha({
    ...{ task, scene, sceneMap },
    drawnGroups: drawGroups,
    cameras: [],
    bare: true,
  });
  try {
    await sim.reset(seed);
    if (sim.sceneCameras.length === 0)
      throw new UserError(`Scene ${scene} names no camera to look through; name one in the MJCF`, {
        kind: 'missing',
        subject: scene,
      });
    await snapshot(sim, sim.sceneCameras, file);
    return sim.sceneCameras;
  } finally {
    await sim.close();
  }
}

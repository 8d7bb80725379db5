import { join } from 'node:path';
import sharp from 'sharp';
import { makeFolder } from '../files/makeFolder.ts';
import { UserError, messageOf } from '../errors.ts';
import type { CalibratedCamera } from '../robot/calibration.ts';
import type { CameraFinding, Findings } from './findings.ts';
import { brightness, frameRate, sharpness, thumbnail } from '../images/pictureFigures.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { Bench } from './bench.ts';
import { type Choosing, type Dialogue, choose } from '../terminal/dialogue.ts';
import { halfBlocks } from '../terminal/halfBlocks.ts';

/** s of watching. */
const SECONDS = 2;

/** A camera's newest picture and what it shows. */
export interface Seen {
  /** The name that the calibration has for it. */
  source: string;
  width: number;
  height: number;
  /** RGB8 [height, width, 3]. */
  pixels: Uint8Array;
  rate: number;
}

/** The newest picture of each camera that shows one; says of which it cannot be decoded. */
async function watch(bench: Bench): Promise<Seen[]> {
  const stamps = new Map<string, bigint[]>();
  const newest = new Map<string, CameraFrame>();
  const stop = bench.listen({
    frame(frame) {
      stamps.set(frame.camera, [...(stamps.get(frame.camera) ?? []), frame.stamp]);
      newest.set(frame.camera, frame);
    },
  });
  await bench.wait(SECONDS).finally(stop);
  const seen: Seen[] = [];
  for (const [source, frame] of newest)
    try {
      const pixels = Uint8Array.from(await frame.pixels());
      const { width, height } = frame;
      seen.push({ source, width, height, pixels, rate: frameRate(stamps.get(source)!) });
    } catch (error) {
      bench.dialogue.print(`  ${messageOf(error)}`);
    }
  return seen;
}

const png = ({ pixels, width, height }: Seen) =>
  sharp(pixels, { raw: { width, height, channels: 3 } }).png();

/** Pixels of a picture on the sheet, and of the line below it. */
const TILE = { width: 480, height: 360, caption: 32 };

/** Writes each picture as NAME.png, and all of them with their names as sheet.png. */
export async function writePictures(
  folder: string,
  pictures: readonly Seen[],
  nameOf: (source: string) => string,
): Promise<void> {
  await makeFolder(folder);
  for (const picture of pictures)
    await png(picture).toFile(join(folder, `${nameOf(picture.source)}.png`));
  const columns = Math.min(2, pictures.length);
  const rows = Math.ceil(pictures.length / columns);
  const { width, height, caption } = TILE;
  const tiles = pictures.map(async (picture, tile) => {
    const left = (tile % columns) * width;
    const top = Math.floor(tile / columns) * (height + caption);
    const text = `<svg width="${width}" height="${caption}"><text x="8" y="22" font-size="20" font-family="sans-serif" fill="white">${nameOf(picture.source)}</text></svg>`;
    const image = await png(picture).resize({ width, height, fit: 'contain' }).toBuffer();
    return [
      { input: image, left, top },
      { input: Buffer.from(text), left, top: top + height },
    ];
  });
  const size = { width: columns * width, height: rows * (height + caption) };
  await sharp({ create: { ...size, channels: 3, background: 'black' } })
    .composite((await Promise.all(tiles)).flat())
    .png()
    .toFile(join(folder, 'sheet.png'));
}

function draw(dialogue: Dialogue, { pixels, width, height }: Seen): void {
  const { screen } = dialogue;
  if (!screen) return;
  const scale = Math.min(
    1,
    64 / width,
    (screen.columns - 1) / width,
    (2 * (screen.rows - 6)) / height,
  );
  const size = { width: Math.floor(width * scale), height: Math.floor(height * scale) };
  if (size.height >= 2)
    dialogue.print(halfBlocks(thumbnail(pixels, { width, height }, size), size).join('\n'));
}

/** The name that a picture should have, of those still to be given; undefined where it is skipped. */
function askName({ dialogue }: Bench, camera: CalibratedCamera, left: readonly string[]) {
  const { name: source, topic } = camera;
  const known = left.includes(source);
  const choices: Choosing<string | undefined>['choices'] = [
    ...left.map((name) => ({ key: name, value: name })),
    ...(known ? [{ key: '', says: 'yes', value: source }] : []),
    { key: 's', says: 'skip', value: undefined },
  ];
  const text = `${known ? `Is this ${source}?` : `Which is this?`} It comes over ${topic}.`;
  return choose(dialogue, { text, choices, camera: source });
}

const figures = (picture: Seen, { name, width, height }: CalibratedCamera): CameraFinding => ({
  name,
  width,
  height,
  rate: picture.rate,
  sharpness: sharpness(picture.pixels, picture),
  brightness: brightness(picture.pixels),
});

/** Leaves out cameras that got another's name where that one did not get another's images. */
function dropHalfExchanges({ dialogue }: Bench, { cameras }: Findings): void {
  const names = new Set([...cameras.values()].map(({ name }) => name));
  if ([...names].every((name) => cameras.has(name))) return;
  for (const [source, { name }] of cameras) {
    if (name === source) continue;
    cameras.delete(source);
    dialogue.print(
      `${source} is to be ${name}, but not all were named: both are left as they are.`,
    );
  }
}

/**
 * Names, sharpness, brightness, size and rate of the cameras; their pictures go to `folder`. Gives the
 * pictures, by the names that the calibration had.
 */
export async function measureCameras(
  bench: Bench,
  findings: Findings,
  folder: string,
): Promise<Seen[]> {
  const { calibration, dialogue } = bench;
  const seen = await watch(bench);
  if (seen.length === 0)
    throw new UserError(`no picture came within ${SECONDS} s; check that the cameras are running`, {
      kind: 'unreachable',
    });
  await writePictures(folder, seen, (source) => source);
  dialogue.print(`What they show lies in ${folder}, together in sheet.png.`);
  let left = calibration.cameras.map(({ name }) => name);
  for (const camera of calibration.cameras) {
    const { name, topic } = camera;
    const picture = seen.find(({ source }) => source === name);
    if (!picture) {
      dialogue.print(
        `${name}: no picture that can be read came over ${topic} within ${SECONDS} s.`,
      );
      continue;
    }
    const found = figures(picture, camera);
    dialogue.print(
      `${name}: ${found.width}×${found.height}, ${found.rate.toFixed(1)} Hz, sharpness ${found.sharpness.toFixed(1)}, mean brightness ${found.brightness.toFixed(0)}`,
    );
    draw(dialogue, picture);
    const right = await askName(bench, camera, left);
    if (right === undefined) continue;
    left = left.filter((other) => other !== right);
    findings.cameras.set(name, { ...found, name: right });
  }
  dropHalfExchanges(bench, findings);
  return seen;
}

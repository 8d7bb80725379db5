import sharp from 'sharp';
import { UserError, invalid, messageOf } from '../../errors.ts';
import type { CameraFrame } from '../../robot/robot.ts';

const PNG = [0x89, 0x50, 0x4e, 0x47];

/** Pixels of a picture, RGB8. Throws a `UserError` that begins with `where` if it has another size. */
async function decoded(
  bytes: Uint8Array,
  { width, height }: Pick<CameraFrame, 'width' | 'height'>,
  where: string,
): Promise<Uint8Array> {
  const { data, info } = await sharp(bytes)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw new UserError(`${where}: is no readable picture: ${messageOf(error)}`, {
        cause: error,
        kind: 'invalid',
        subject: where,
      });
    });
  if (info.width !== width || info.height !== height || info.channels !== 3)
    throw invalid(where, `is ${info.width}×${info.height} with ${info.channels} channels, not ${width}×${height} in colour`); // prettier-ignore
  return data;
}

/** Whether bytes begin a PNG of 8 bits and three channels of this size. */
const isRgbPng = (
  bytes: Uint8Array,
  { width, height }: Pick<CameraFrame, 'width' | 'height'>,
): boolean => {
  if (bytes.length < 26 || PNG.some((byte, i) => bytes[i] !== byte)) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Width, height, bits and kind of colour stand at bytes 16, 20, 24 and 25.
  return (
    view.getUint32(16) === width &&
    view.getUint32(20) === height &&
    bytes[24] === 8 &&
    bytes[25] === 2
  );
};

/** A picture in a cell of a Parquet file as a frame; `where` names the cell in errors. */
export function frameOfCell(
  cell: unknown,
  frame: Pick<CameraFrame, 'camera' | 'stamp' | 'width' | 'height'>,
  where: string,
): CameraFrame {
  const { bytes } = (cell ?? {}) as { bytes?: unknown };
  if (!(bytes instanceof Uint8Array))
    throw invalid(where, 'holds no picture; its pictures must lie in the Parquet files');
  let pixels: Promise<Uint8Array> | undefined;
  return {
    ...frame,
    pixels: () => (pixels ??= decoded(bytes, frame, where)),
    ...(isRgbPng(bytes, frame) && { png: bytes }),
  };
}

import { CdrReader } from '@foxglove/cdr';
import sharp from 'sharp';
import { UserError, invalid, messageOf } from '../errors.ts';
import { type CalibratedCamera, sizeSeen } from '../robot/calibration.ts';
import type { CameraFrame } from '../robot/robot.ts';
import { nanosecondsOf } from '../episodes/rosTime.ts';
import { type PixelLayout, toRgb } from './pixelOrder.ts';

/** An image as its message has it, nothing decoded. */
interface RawImage {
  stamp: bigint;
  width: number;
  height: number;
  encoding: string;
  /** Bytes of a row; undefined for a compressed image. */
  step?: number;
  data: Uint8Array;
}

const LAYOUTS: Record<string, PixelLayout> = {
  rgb8: { bytes: 3, rgb: [0, 1, 2] },
  bgr8: { bytes: 3, rgb: [2, 1, 0] },
  rgba8: { bytes: 4, rgb: [0, 1, 2] },
  bgra8: { bytes: 4, rgb: [2, 1, 0] },
  mono8: { bytes: 1, rgb: [0, 0, 0] },
};

function header(reader: CdrReader): bigint {
  const sec = reader.int32();
  const nanosec = reader.uint32();
  reader.string();
  return nanosecondsOf({ sec, nanosec });
}

/** The stamp of an image, ns, from the CDR bytes of its message, compressed or not. */
export const imageStamp = (bytes: Uint8Array): bigint => header(new CdrReader(bytes));

/** Reads sensor_msgs/Image from its CDR bytes; `data` is a view of them. */
export function readImage(bytes: Uint8Array): RawImage {
  const reader = new CdrReader(bytes);
  const stamp = header(reader);
  const height = reader.uint32();
  const width = reader.uint32();
  const encoding = reader.string();
  reader.uint8();
  const step = reader.uint32();
  return { stamp, width, height, encoding, step, data: reader.uint8Array() };
}

/** Reads sensor_msgs/CompressedImage from its CDR bytes; the size is the calibration's. */
export function readCompressedImage(
  bytes: Uint8Array,
  { width, height }: { width: number; height: number },
): RawImage {
  const reader = new CdrReader(bytes);
  const stamp = header(reader);
  const encoding = reader.string();
  return { stamp, width, height, encoding, data: reader.uint8Array() };
}

function checkImage(image: RawImage, { name, width, height }: CalibratedCamera): void {
  if (image.width !== width || image.height !== height)
    throw invalid(
      name,
      `images of ${image.width}×${image.height}, but its calibration says ${width}×${height}; set the driver's profile or correct the calibration`,
    );
  if (image.step === undefined) return;
  const layout = LAYOUTS[image.encoding];
  if (!layout)
    throw invalid(
      name,
      `encoding ${image.encoding} cannot be read; have the driver publish ${Object.keys(LAYOUTS).join(', ')}`,
    );
  if (image.step < width * layout.bytes || image.data.length < image.step * height)
    throw invalid(
      name,
      `${image.data.length} bytes in rows of ${image.step} are no ${image.encoding} image of ${width}×${height}`,
    );
}

type PixelImage = RawImage & { step: number };

const isUncompressed = (image: RawImage): image is PixelImage => image.step !== undefined;

/** RGB8 [height, width, 3] of an uncompressed image; the message's own bytes where they are that. */
function unpack({ width, height, encoding, step, data }: PixelImage): Uint8Array {
  const layout = LAYOUTS[encoding];
  if (encoding === 'rgb8' && step === width * layout.bytes) return data.subarray(0, step * height);
  return toRgb({ data, step, width, height }, layout);
}

async function decode(image: RawImage, camera: CalibratedCamera): Promise<Uint8Array> {
  const { crop, rotate } = camera;
  const { width, height } = image;
  if (isUncompressed(image) && !crop && rotate === 0) return unpack(image);
  let picture = isUncompressed(image)
    ? sharp(unpack(image), { raw: { width, height, channels: 3 } })
    : sharp(image.data).removeAlpha().toColourspace('srgb');
  if (crop)
    picture = picture.extract({
      left: crop.x,
      top: crop.y,
      width: crop.width,
      height: crop.height,
    });
  if (rotate) picture = picture.rotate(rotate);
  const { data, info } = await picture
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw new UserError(
        `${camera.name}: an image of ${image.data.length} bytes (${image.encoding}) cannot be decoded: ${messageOf(error)}; look at what its driver publishes`,
        { cause: error, kind: 'invalid', subject: camera.name },
      );
    });
  const size = sizeSeen(camera);
  if (info.width !== size.width || info.height !== size.height)
    throw invalid(
      camera.name,
      `a compressed image gave ${info.width}×${info.height}, but its calibration says ${size.width}×${size.height}`,
    );
  return data;
}

/**
 * A camera's frame from the bytes of its message, decoded when somebody asks. Throws a `UserError` for
 * an image that is not what the calibration says.
 */
export function frameOf(bytes: Uint8Array, camera: CalibratedCamera): CameraFrame {
  const image = camera.transport === 'raw' ? readImage(bytes) : readCompressedImage(bytes, camera);
  checkImage(image, camera);
  let pixels: Promise<Uint8Array> | undefined;
  return {
    camera: camera.name,
    stamp: image.stamp,
    ...sizeSeen(camera),
    pixels: () => (pixels ??= decode(image, camera)),
  };
}

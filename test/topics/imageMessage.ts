import { CdrWriter } from '@foxglove/cdr';
import type { CalibratedCamera } from '../../src/robot/calibration.ts';

/** A camera of small raw images. */
export const CAMERA: CalibratedCamera = {
  name: 'cam_high',
  width: 4,
  height: 2,
  topic: '/cam_high/image_raw',
  transport: 'raw',
  rotate: 0,
  mount: 'fixed',
  exposure: [20, 235],
};

/** Of a sensor_msgs/Image. */
export interface Image {
  /** Of the stamp. */
  seconds?: number;
  nanoseconds?: number;
  width?: number;
  height?: number;
  encoding?: string;
  step?: number;
  data: Uint8Array;
}

/** The CDR bytes of a sensor_msgs/Image, as DDS delivers them. */
export function message({
  seconds = 12,
  nanoseconds = 345,
  width = 4,
  height = 2,
  encoding = 'rgb8',
  step,
  data,
}: Image): Uint8Array {
  const writer = new CdrWriter();
  writer.int32(seconds).uint32(nanoseconds).string('cam');
  writer.uint32(height).uint32(width).string(encoding).uint8(0);
  writer.uint32(step ?? data.length / height);
  writer.uint8Array(data, true);
  return writer.data;
}

import type { CalibratedCamera } from '../robot/calibration.ts';

const IMAGES = {
  raw: { type: 'sensor_msgs/msg/Image', suffix: '' },
  compressed: { type: 'sensor_msgs/msg/CompressedImage', suffix: '/compressed' },
};

/** Where a camera's images come from. */
export function imageTopic({ topic, transport }: CalibratedCamera) {
  const { type, suffix } = IMAGES[transport];
  return { type, topic: topic + suffix };
}

import type { Calibration } from '../robot/calibration.ts';
import type { CameraFrame } from '../robot/robot.ts';

interface MeasuredCameras {
  cameras?: Record<string, { latency?: number }>;
}

/**
 * Moves a frame's stamp to when the scene looked like this: back by the latency that `nalu calibrate` measured of its
 * camera, behind the joints. Frames of a camera without a measured latency stay as they are.
 */
export function captureStamps({ measured }: Calibration): (frame: CameraFrame) => CameraFrame {
  const { cameras = {} } = (measured ?? {}) as MeasuredCameras;
  return (frame) => {
    const { camera, stamp, width, height } = frame;
    const latency = cameras[camera]?.latency;
    if (latency === undefined) return frame;
    const captured = stamp - BigInt(Math.round(latency * 1e9));
    return { camera, stamp: captured, width, height, pixels: () => frame.pixels() };
  };
}

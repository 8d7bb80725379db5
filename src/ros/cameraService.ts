import { writeFile } from 'node:fs/promises';
import { previewOf } from '../images/previewOf.ts';
import { UserError, messageOf } from '../errors.ts';
import type { Calls } from '../processes/calls.ts';
import type { CalibratedCamera } from '../robot/calibration.ts';
import type { CameraFrame } from '../robot/robot.ts';
import { edge } from './edge.ts';
import { imageTopic } from '../topics/imageTopic.ts';
import { frameOf } from '../topics/images.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode } from './rclnodejs.ts';

/** What the process that takes images offers. */
export interface CameraFunctions {
  /** Writes the pixels of a frame to a file. Rejects where the frame is no longer kept. */
  write: (camera: string, stamp: bigint, path: string) => Promise<void>;
  /** A camera's newest frame for people, if it has any. */
  preview: (camera: string) => Promise<Preview | undefined>;
}

/** A frame for people. */
export interface Preview {
  stamp: bigint;
  jpeg: Uint8Array;
}

/** What it reports of a camera: each frame that has come, and each image that is wrong. */
export interface CameraListener {
  frame: (camera: string, stamp: bigint) => void;
  problem: (camera: string, problem: string) => void;
}

/** Frames of a camera that are kept: some 150 ms at 50 Hz. */
const KEPT = 8;

/** Takes the images of cameras from their topics. */
export function serveCameras(
  ros: Ros,
  node: RosNode,
  cameras: readonly CalibratedCamera[],
  listener: Calls<CameraListener>,
): CameraFunctions {
  const kept = new Map<string, CameraFrame[]>();
  for (const camera of cameras) {
    const { name } = camera;
    const frames: CameraFrame[] = [];
    kept.set(name, frames);
    const take = (bytes: Uint8Array) => {
      const frame = frameOf(bytes, camera);
      frames.unshift(frame);
      frames.length = Math.min(frames.length, KEPT);
      listener.notify('frame', name, frame.stamp);
    };
    const onFault = (error: unknown) => listener.notify('problem', name, messageOf(error));
    const { type, topic } = imageTopic(camera);
    const settings = quality(ros, 'sensor', { isRaw: true });
    node.createSubscription(type, topic, settings, edge(take, onFault));
  }
  return {
    async preview(camera) {
      const newest = kept.get(camera)?.at(0);
      return newest && { stamp: newest.stamp, jpeg: await previewOf(newest) };
    },
    async write(camera, stamp, path) {
      const frame = kept.get(camera)!.find((known) => known.stamp === stamp);
      if (!frame) throw new UserError(`${camera}: that frame is older than the ${KEPT} newest`, { kind: 'missing', subject: camera }); // prettier-ignore
      await writeFile(path, await frame.pixels());
    },
  };
}

import { writeFile } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import { yieldToControl } from '../processes/priority.ts';
import type { CalibratedCamera } from '../robot/calibration.ts';
import type { CameraFrame } from '../robot/robot.ts';
import { type CameraRequest, type CameraReport, imageTopic } from './cameras.ts';
import { edge } from './edge.ts';
import { frameOf } from './images.ts';
import { quality } from './qos.ts';
import { loadRos } from './rclnodejs.ts';

/** Frames of a camera that can still be asked for: some 150 ms at 50 Hz. */
const KEPT = 8;

/*
 * Takes cameras' images: node cameraMain.js with an IPC channel, over which come the calibrated cameras
 * and then a request for each frame that is wanted. Ends when its parent does, not at Ctrl-C.
 */
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());

yieldToControl();
/** What cannot be said any more is lost: then the parent has ended, and so will this process. */
const report = (message: CameraReport) =>
  process.send!(message, undefined, undefined, () => undefined);
const kept = new Map<string, CameraFrame[]>();

const ros = await loadRos();
await ros.init();
ros.removeSignalHandlers();
const node = ros.createNode('cameras');

function listen(camera: CalibratedCamera) {
  const frames: CameraFrame[] = [];
  kept.set(camera.name, frames);
  const take = (bytes: Uint8Array) => {
    const frame = frameOf(bytes, camera);
    frames.unshift(frame);
    frames.length = Math.min(frames.length, KEPT);
    report({ camera: camera.name, stamp: frame.stamp });
  };
  const onFault = (error: unknown) => report({ camera: camera.name, problem: messageOf(error) });
  const { type, topic } = imageTopic(camera);
  const settings = quality(ros, 'sensor', { isRaw: true });
  node.createSubscription(type, topic, settings, edge(take, onFault));
}

async function answer({ id, camera, stamp, path }: CameraRequest) {
  try {
    const frame = kept.get(camera)!.find((known) => known.stamp === stamp);
    if (!frame) throw new Error(`${camera}: that frame is older than the ${KEPT} newest`);
    await writeFile(path, await frame.pixels());
    report({ id });
  } catch (error) {
    report({ id, error: messageOf(error) });
  }
}

process.once('message', (cameras: CalibratedCamera[]) => {
  cameras.forEach(listen);
  process.on('message', (request: CameraRequest) => void answer(request));
  node.spin();
});
report('ready');

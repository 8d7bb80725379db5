import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { startProcess } from '../processes/child.ts';
import { keepRunning } from '../processes/restart.ts';
import { type CalibratedCamera, sizeSeen } from '../robot/calibration.ts';
import type { CameraFrame } from '../robot/robot.ts';
import type { CameraFunctions, CameraListener } from './cameraService.ts';

export interface CamerasOptions {
  /** Name of the node that reads them. */
  name: string;
  cameras: readonly CalibratedCamera[];
  onFrame: (frame: CameraFrame) => void;
  onProblem: (camera: string, problem: string) => void;
  /** The process that takes the images; the one that asks ROS 2 where absent. */
  module?: URL;
}

/** Files that never see a disk, where the system has such. */
const SHARED_MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/**
 * Cameras' images, taken by a process of their own: four raw streams would keep the thread that
 * rclnodejs and the control loop share busy for longer than a tick may be late. Here comes only the
 * stamp of each frame; pixels follow on demand. Returns what ends it.
 */
export function openCameras({ name, cameras, onFrame, onProblem, ...options }: CamerasOptions) {
  const { module = new URL('./cameraMain.js', import.meta.url) } = options;
  const folder = mkdtemp(join(SHARED_MEMORY, 'nalu-cameras-'));
  const named = new Map(cameras.map((camera) => [camera.name, camera]));
  let requests = 0;
  let closed = false;

  const fetch = async (camera: string, stamp: bigint): Promise<Uint8Array> => {
    const path = join(await folder, String(requests++));
    await taker.ask('write', camera, stamp, path);
    const { buffer, byteOffset, length } = await readFile(path);
    await rm(path);
    return new Uint8Array(buffer, byteOffset, length);
  };
  const local: CameraListener = {
    frame(camera, stamp) {
      if (closed) return;
      let pixels: Promise<Uint8Array> | undefined;
      onFrame({
        camera,
        stamp,
        ...sizeSeen(named.get(camera)!),
        pixels: () => (pixels ??= fetch(camera, stamp)),
      });
    },
    problem(camera, problem) {
      if (!closed) onProblem(camera, problem);
    },
  };
  const rosArguments = ['--ros-args', '-r', `__node:=${name}_cameras`, '--'];
  const taker = keepRunning<CameraFunctions>({
    start: () =>
      startProcess(module, {
        name: 'the process that takes images',
        data: cameras,
        local,
        args: [...rosArguments, ...process.argv.slice(2)],
      }),
    onEnd(error) {
      for (const camera of cameras)
        onProblem(camera.name, `${messageOf(error)}; it is started again`);
    },
  });

  return {
    preview: (camera: string) => taker.ask('preview', camera),
    async close() {
      closed = true;
      await taker.close();
      await rm(await folder, { recursive: true, force: true });
    },
  };
}

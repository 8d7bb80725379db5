import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CalibratedCamera, sizeSeen } from '../robot/calibration.ts';
import type { CameraFrame } from '../robot/robot.ts';

/** Asks the process that takes images for the pixels of one, as a file. */
export interface CameraRequest {
  id: number;
  camera: string;
  stamp: bigint;
  path: string;
}

/** What that process says: a frame came, an image is wrong, or a request is answered. */
export type CameraReport =
  | 'ready'
  | { camera: string; stamp: bigint }
  | { camera: string; problem: string }
  | { id: number; error?: string };

const IMAGES = {
  raw: { type: 'sensor_msgs/msg/Image', suffix: '' },
  compressed: { type: 'sensor_msgs/msg/CompressedImage', suffix: '/compressed' },
};

/** Where a camera's images come from. */
export function imageTopic({ topic, transport }: CalibratedCamera) {
  const { type, suffix } = IMAGES[transport];
  return { type, topic: topic + suffix };
}

export interface CamerasOptions {
  /** Name of the node that looks through them. */
  name: string;
  cameras: readonly CalibratedCamera[];
  onFrame: (frame: CameraFrame) => void;
  onProblem: (camera: string, problem: string) => void;
}

/** Files that never see a disk, where the system has such. */
const SHARED_MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Milliseconds before a process that has ended is started again. */
const PAUSE = 1000;

/**
 * Cameras' images, taken by a process of their own: four raw streams would keep the thread that
 * rclnodejs and the control loop share busy for longer than a tick may be late. Here comes only the
 * stamp of each frame; pixels follow when somebody asks. Returns what ends it.
 */
export function openCameras({ name, cameras, onFrame, onProblem }: CamerasOptions) {
  const folder = mkdtemp(join(SHARED_MEMORY, 'nalu-cameras-'));
  const asked = new Map<number, (error?: string) => void>();
  let requests = 0;
  let closed = false;
  let child: ChildProcess;
  let restart: NodeJS.Timeout | undefined;

  const fetch = async (camera: string, stamp: bigint): Promise<Uint8Array> => {
    const id = requests++;
    const path = join(await folder, String(id));
    const failed = await new Promise<string | undefined>((answered) => {
      asked.set(id, answered);
      const request: CameraRequest = { id, camera, stamp, path };
      child.send(request, (error) => error && answered(error.message));
    });
    asked.delete(id);
    if (failed !== undefined) throw new Error(failed);
    const { buffer, byteOffset, length } = await readFile(path);
    await rm(path);
    return new Uint8Array(buffer, byteOffset, length);
  };

  const take = (camera: CalibratedCamera, stamp: bigint) => {
    let pixels: Promise<Uint8Array> | undefined;
    onFrame({
      camera: camera.name,
      stamp,
      ...sizeSeen(camera),
      pixels: () => (pixels ??= fetch(camera.name, stamp)),
    });
  };
  const hear = (report: CameraReport) => {
    if (closed) return;
    if (report === 'ready') child.send(cameras);
    else if ('id' in report) asked.get(report.id)?.(report.error);
    else if ('problem' in report) onProblem(report.camera, report.problem);
    else
      take(
        cameras.find((known) => known.name === report.camera)!,
        report.stamp,
      );
  };
  const begin = () => {
    const own = ['--ros-args', '-r', `__node:=${name}_cameras`, '--'];
    child = fork(join(import.meta.dirname, 'cameraMain.js'), [...own, ...process.argv.slice(2)], {
      serialization: 'advanced',
    });
    child.on('message', hear);
    child.once('exit', (code, signal) => {
      const gone = `the process that takes images ended (${signal ?? `exit code ${code}`})`;
      for (const answered of asked.values()) answered(gone);
      if (closed) return;
      for (const camera of cameras) onProblem(camera.name, `${gone}; it is started again`);
      restart = setTimeout(begin, PAUSE);
    });
  };
  begin();

  return {
    async close() {
      closed = true;
      clearTimeout(restart);
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.disconnect();
        await ended;
      }
      await rm(await folder, { recursive: true, force: true });
    },
  };
}

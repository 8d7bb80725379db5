import type { Embodiment } from '../src/robot/embodiment.ts';
import type { Observer, Robot } from '../src/robot/robot.ts';
import { startThread } from '../src/processes/child.ts';
import { untilWall } from '../src/robot/wallClock.ts';
import { type Arrival, type CameraStream, SLOTS } from './cameraSlots.ts';

/**
 * A robot on the wall clock that takes next to nothing of this thread: it is at once where it is told to be,
 * and its cameras' pictures come in shared memory at `frameRate` Hz, from a thread that writes them anew.
 */
export function wallRobot(embodiment: Embodiment, frameRate: number): Robot {
  const { cameras } = embodiment;
  const [{ width, height }] = cameras;
  const bytes = width * height * 3;
  const memory = cameras.map(() => new SharedArrayBuffer(SLOTS * bytes));
  const stream: CameraStream = { memory, bytes, rate: frameRate };
  let position = Float64Array.from(embodiment.joints, ({ home }) => home);
  let observer: Observer | undefined;

  const frame = ({ camera, slot, stamp }: Arrival) =>
    observer?.frame({
      ...{ camera: cameras[camera].name, stamp, width, height },
      pixels: () => Promise.resolve(new Uint8Array(memory[camera], slot * bytes, bytes)),
    });
  const worker = startThread(new URL('./cameraStream.js', import.meta.url), {
    name: "the cameras' thread",
    data: stream,
    local: { frame },
  });
  const now = () => process.hrtime.bigint();
  return {
    embodiment,
    clock: {
      now,
      async until(stamp) {
        await untilWall(now, stamp);
        observer?.joints({ stamp: now(), position });
      },
    },
    observe(taker) {
      observer = taker;
    },
    command(positions) {
      position = positions.slice();
    },
    close: () => worker.kill(),
  };
}

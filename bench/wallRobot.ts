import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Embodiment } from '../src/robot/embodiment.ts';
import type { Observer, Robot } from '../src/robot/robot.ts';

/** Milliseconds before a stamp at which waiting goes on awake. */
const AWAKE = 1.5;

/**
 * A robot on the wall clock that takes next to nothing of it: it is at once where it is told to be and sees
 * grey. `lateness` tells of each stamp that was waited for how many milliseconds after it the wait ended.
 */
export function wallRobot(embodiment: Embodiment): { robot: Robot; lateness: number[] } {
  const lateness: number[] = [];
  const grey = embodiment.cameras.map(({ width, height }) =>
    new Uint8Array(width * height * 3).fill(128),
  );
  let position = Float64Array.from(embodiment.joints, ({ home }) => home);
  let observer: Observer | undefined;
  const now = () => BigInt(Math.round(performance.now() * 1e6));

  const sense = (stamp: bigint) => {
    observer?.joints({ stamp, position });
    embodiment.cameras.forEach(({ name: camera, width, height }, i) =>
      observer?.frame({ camera, stamp, width, height, pixels: () => Promise.resolve(grey[i]) }),
    );
  };

  const robot: Robot = {
    embodiment,
    clock: {
      now,
      async until(stamp) {
        for (let left = stamp - now(); left > 0n; left = stamp - now()) {
          const ms = Number(left) / 1e6 - AWAKE;
          await (ms > 1 ? setTimeout(ms) : setImmediate());
        }
        lateness.push(Number(now() - stamp) / 1e6);
        sense(now());
      },
    },
    observe(taker) {
      observer = taker;
    },
    command(positions) {
      position = positions.slice();
    },
    close: () => Promise.resolve(),
  };
  return { robot, lateness };
}

import { setImmediate } from 'node:timers/promises';
import type {
  Chunk,
  ChunkPolicy,
  Join,
  NoiseSource,
  Observation,
} from '../../src/policy/chunkPolicy.ts';
import type { Embodiment } from '../../src/robot/embodiment.ts';
import { embodiment as stub } from '../episodes/recording.ts';
import type { CameraFrame, Observer, Robot, Task } from '../../src/robot/robot.ts';

export const embodiment: Embodiment = {
  ...stub,
  cameras: [
    { name: 'cam_high', width: 8, height: 6 },
    { name: 'cam_wrist', width: 8, height: 6 },
  ],
};

export const PERIOD = 20_000_000n;

export interface FakeRobot extends Robot {
  commands: number[][];
  positions(): number[];
  /** Called before each control step; may change what is sensed. */
  onStep: (step: number, robot: FakeRobot) => void;
  blind: Set<string>;
  deaf: boolean;
  /** Sent in place of the next measured positions. */
  lie: number[] | null;
  /** The stamp that a source (`joints`, or a camera's name) bears at a time. */
  stampOf: (source: string, now: bigint) => bigint;
  /** When each part of its joint state came last; null where it comes as one. */
  parts: Record<string, bigint> | null;
  /** Whether its clock stands still. */
  stands: boolean;
  /** Whether it moves nothing. */
  dry: boolean;
  /** Nanoseconds that the next wait oversleeps. */
  oversleep: bigint;
  /** Nanoseconds by which the clock then stands further back, once. */
  stepBack: bigint;
  /** Whether each joint state comes twice, and an older one behind it. */
  disorder: boolean;
  place(): void;
}

const picture = (camera: string, stamp: bigint): CameraFrame => {
  const pixels = Uint8Array.from(
    { length: 8 * 6 * 3 },
    (_, index) => (index * 7 + Number(stamp / PERIOD) + camera.length) % 256,
  );
  return { camera, stamp, width: 8, height: 6, pixels: () => Promise.resolve(pixels) };
};

/** A robot whose joints go half the way to their command each step, on a clock of its own. */
export function fakeRobot(): FakeRobot {
  let now = 1_000_000_000n;
  let observer: Observer | undefined;
  let at = [0, 0];
  let goal = [0, 0];
  let step = 0;

  const sense = () => {
    const position = Float64Array.from(robot.lie ?? at);
    robot.lie = null;
    const parts = Object.entries(robot.parts ?? {}).map(([part, arrived]) => ({
      source: `joint state of ${part}`,
      stamp: arrived,
      arrived,
    }));
    if (!robot.deaf)
      observer?.joints({
        stamp: robot.stampOf('joints', now),
        position,
        ...(robot.parts && { parts }),
      });
    if (robot.disorder) {
      observer?.joints({ stamp: now, position });
      observer?.joints({ stamp: now - PERIOD, position: position.map((value) => value + 1) });
    }
    for (const { name } of embodiment.cameras)
      if (!robot.blind.has(name))
        observer?.frame({ ...picture(name, now), stamp: robot.stampOf(name, now) });
  };

  const robot: FakeRobot = {
    embodiment,
    commands: [],
    positions: () => at,
    onStep: () => {},
    blind: new Set(),
    deaf: false,
    lie: null,
    stampOf: (_, time) => time,
    parts: null,
    stands: false,
    dry: false,
    oversleep: 0n,
    stepBack: 0n,
    disorder: false,
    place() {
      at = [0, 0];
      goal = [0, 0];
      step = 0;
      robot.commands = [];
      now += PERIOD;
      sense();
    },
    clock: {
      now: () => now,
      async until(stamp) {
        const end = stamp > now ? stamp + robot.oversleep : now;
        if (end > now) robot.oversleep = 0n;
        while (now < end) {
          robot.onStep(step++, robot);
          if (robot.stands) return new Promise<void>(() => {});
          at = at.map((value, joint) => value + (goal[joint] - value) / 2);
          now += PERIOD;
          if (robot.stepBack > 0n) {
            now -= robot.stepBack;
            robot.stepBack = 0n;
            return;
          }
          sense();
          await setImmediate();
        }
      },
    },
    observe: (given) => {
      observer = given;
    },
    command(positions) {
      robot.commands.push([...positions]);
      if (!robot.dry) goal = [...positions];
    },
    close: () => Promise.resolve(),
  };
  return robot;
}

/** Reached when the shoulder stands at `goal`. */
export const fakeTask = (robot: FakeRobot, goal = 2, maxSteps = 60): Task => ({
  name: 'reach',
  prompt: 'reach out',
  maxSteps,
  reset: () => {
    robot.place();
    return Promise.resolve();
  },
  assess: () => {
    const [shoulder] = robot.positions();
    return { reward: Math.min(shoulder / goal, 1), success: shoulder >= goal - 0.01 };
  },
});

export interface FakePolicy extends ChunkPolicy {
  requests: { observation: Observation; noise: NoiseSource; join?: Join }[];
}

/** A policy of two cameras and horizon 10, its chunks as `rows` makes them. */
export function fakePolicy(
  rows: (observation: Observation, index: number) => number[][],
  delay: (index: number) => Promise<unknown> = () => Promise.resolve(),
): FakePolicy {
  const requests: FakePolicy['requests'] = [];
  return {
    requests,
    cameras: ['cam_high', 'cam_wrist'],
    horizon: 10,
    executeSteps: 5,
    async sample(observation, noise, join): Promise<Chunk> {
      const index = requests.push({ observation, noise, join }) - 1;
      await delay(index);
      return {
        actions: Float32Array.from(rows(observation, index).flat()),
        noise: new Float32Array(40).fill(index),
        horizon: 10,
        policyVersion: 'v1',
        timing: { preprocess: 1, run: 3, total: 5 },
      };
    },
    close: () => Promise.resolve(),
  };
}

/** Ten rows, each `speed` beyond the one before, from the observed position on. */
export const ramp =
  (speed: number) =>
  ({ joints }: Observation): number[][] =>
    Array.from({ length: 10 }, (_, row) => [joints.position[0] + speed * (row + 1), 0.5]);

import type { Observation } from '../policy/chunkPolicy.ts';
import type { CameraFrame, JointState, Observer } from '../robot/robot.ts';
import { AGE_LIMITS } from './guardEvents.ts';
import type { SensorAge } from './guardEvents.ts';

/** A source that an observation cannot be made without. */
export interface Lack {
  /** `joint state`, or the camera's name. */
  source: string;
  /** Milliseconds; null if nothing has arrived yet. */
  age: number | null;
}

/** Keeps the newest of everything that a robot senses. */
export interface Synchroniser extends Observer {
  readonly newestJoints: JointState | undefined;
  /** Joint states refused for a value that is not finite, by joint. */
  readonly refused: ReadonlyMap<string, number>;
  /** How old the newest joint state and frames are at `now`; what has never arrived is infinitely old. */
  ages(cameras: readonly string[], now: bigint): SensorAge[];
  /** The newest observation at `now`, frames in the order of `cameras`; or what it lacks. */
  take(
    cameras: readonly string[],
    prompt: string,
    now: bigint,
  ): { observation: Observation } | { lacks: Lack[] };
}

const milliseconds = (span: bigint) => Number(span) / 1e6;

/** An observer of a robot whose joints bear these names, in the order of its vectors. */
export function createSynchroniser(jointNames: readonly string[]): Synchroniser {
  const frames = new Map<string, CameraFrame>();
  const refused = new Map<string, number>();
  let newestJoints: JointState | undefined;

  const ageOf = (stamp: bigint | undefined, now: bigint) =>
    stamp === undefined ? Infinity : milliseconds(now - stamp);

  const ages = (cameras: readonly string[], now: bigint): SensorAge[] => [
    { kind: 'joints', source: 'joint state', age: ageOf(newestJoints?.stamp, now) },
    ...cameras.map((source): SensorAge => {
      return { kind: 'camera', source, age: ageOf(frames.get(source)?.stamp, now) };
    }),
  ];

  return {
    get newestJoints() {
      return newestJoints;
    },
    refused,
    joints(state) {
      const bad = jointNames.findIndex((_, joint) => !Number.isFinite(state.position[joint]));
      if (bad >= 0) {
        const name = jointNames[bad];
        refused.set(name, (refused.get(name) ?? 0) + 1);
        return;
      }
      if (newestJoints === undefined || state.stamp >= newestJoints.stamp) newestJoints = state;
    },
    frame(frame) {
      const known = frames.get(frame.camera);
      if (known === undefined || frame.stamp >= known.stamp) frames.set(frame.camera, frame);
    },
    ages,
    take(cameras, prompt, now) {
      const lacks = ages(cameras, now)
        .filter(({ kind, age }) => age > AGE_LIMITS[kind].hold)
        .map(({ source, age }) => ({ source, age: Number.isFinite(age) ? age : null }));
      if (lacks.length > 0) return { lacks };
      return {
        observation: {
          joints: newestJoints!,
          frames: cameras.map((camera) => frames.get(camera)!),
          prompt,
        },
      };
    },
  };
}

/** Lacks in words. */
export const describeLacks = (lacks: readonly Lack[], refused: ReadonlyMap<string, number>) =>
  [
    ...lacks.map(({ source, age }) =>
      age === null ? `nothing from ${source}` : `${source} is ${Math.round(age)} ms old`,
    ),
    ...[...refused].map(
      ([joint, count]) => `${count} joint states refused: ${joint} is not a finite number`,
    ),
  ].join('; ');

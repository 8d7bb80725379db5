import type { Observation } from '../policy/chunkPolicy.ts';
import type { CameraFrame, Clock, JointState, Observer } from '../robot/robot.ts';
import { AGE_LIMITS } from '../guard/guardEvents.ts';
import type { SensorAge } from '../guard/guardEvents.ts';
import { Arrivals } from './arrivals.ts';

/** A source without usable data that an observation needs. */
export interface MissingSource {
  /** `joint state`, or the camera's name. */
  source: string;
  /** Milliseconds; null if nothing usable has arrived yet. */
  age: number | null;
  /** Why its messages are unusable; absent if none arrive. */
  fault?: string;
}

/** Keeps a robot's newest joint state and frames. */
export interface Synchroniser extends Observer {
  readonly newestJoints: JointState | undefined;
  /** Joint states refused for a value that is not finite, by joint. */
  readonly refused: ReadonlyMap<string, number>;
  /**
   * Ages of the newest usable joint state and frames at `now`, from the stamp or the arrival, whichever is earlier. A
   * source that has never sent a usable message has age `Infinity`.
   */
  ages(cameras: readonly string[], now: bigint): SensorAge[];
  /** The newest observation at `now`, frames in the order of `cameras`; or the sources that are missing. */
  take(
    cameras: readonly string[],
    prompt: string,
    now: bigint,
  ): { observation: Observation } | { missing: MissingSource[] };
}

const JOINT_STATE = 'joint state';

/**
 * An observer of a robot with these joints, in the order of its vectors. Stamps are checked against the robot's clock;
 * without a clock they are trusted.
 */
export function createSynchroniser(
  jointNames: readonly string[],
  clock?: Pick<Clock, 'now'>,
): Synchroniser {
  const frames = new Map<string, CameraFrame>();
  const refused = new Map<string, number>();
  const arrivals = new Arrivals();
  let newestJoints: JointState | undefined;
  let jointSources = [JOINT_STATE];

  const ages = (cameras: readonly string[], now: bigint): SensorAge[] => [
    ...jointSources.map((source) => arrivals.age('joints', source, now)),
    ...cameras.map((source) => arrivals.age('camera', source, now)),
  ];

  return {
    get newestJoints() {
      return newestJoints;
    },
    refused,
    joints(state) {
      const arrived = clock?.now() ?? state.stamp;
      const parts = state.parts ?? [{ source: JOINT_STATE, stamp: state.stamp, arrived }];
      if (
        jointSources.length !== parts.length ||
        parts.some(({ source }, i) => jointSources[i] !== source)
      )
        jointSources = parts.map(({ source }) => source);
      const bad = jointNames.findIndex((_, joint) => !Number.isFinite(state.position[joint]));
      if (bad >= 0) {
        const name = jointNames[bad];
        refused.set(name, (refused.get(name) ?? 0) + 1);
        for (const source of jointSources)
          arrivals.refuse(source, `the ${source} arrives with ${name} that is not a finite number`);
        return;
      }
      let usable = true;
      for (const { source, stamp, arrived } of parts)
        usable = arrivals.note({ kind: 'joints', source, stamp, arrived }) && usable;
      if (!usable) return;
      if (newestJoints === undefined || state.stamp >= newestJoints.stamp) newestJoints = state;
    },
    frame(frame) {
      const { camera: source, stamp } = frame;
      if (!arrivals.note({ kind: 'camera', source, stamp, arrived: clock?.now() ?? stamp })) return;
      const known = frames.get(source);
      if (known === undefined || stamp >= known.stamp) frames.set(source, frame);
    },
    ages,
    take(cameras, prompt, now) {
      const missing = ages(cameras, now)
        .filter(({ kind, age }) => age > AGE_LIMITS[kind].hold)
        .map(({ source, age, fault }): MissingSource => ({
          source,
          age: Number.isFinite(age) ? age : null,
          ...(fault !== undefined && { fault }),
        }));
      if (missing.length > 0) return { missing };
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

/** Describes the missing sources. */
export const describeMissing = (
  missing: readonly MissingSource[],
  refused: ReadonlyMap<string, number>,
) =>
  [
    ...missing.map(
      ({ source, age, fault }) =>
        fault ??
        (age === null ? `nothing from ${source}` : `${source} is ${Math.round(age)} ms old`),
    ),
    ...[...refused].map(
      ([joint, count]) => `${count} joint states refused: ${joint} is not a finite number`,
    ),
  ].join('; ');

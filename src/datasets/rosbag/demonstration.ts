import { UserError, invalid, listed } from '../../errors.ts';
import type { Calibration } from '../../robot/calibration.ts';
import { controlPeriod } from '../../robot/embodiment.ts';
import type { Bag, WantedTopics } from '../../topics/bags/bag.ts';
import {
  type Recorded,
  commandsIn,
  commandsTopics,
  statesIn,
  statesTopics,
} from '../../topics/bags/motion.ts';
import { imageTopic } from '../../topics/imageTopic.ts';
import {
  type Source,
  type View,
  cameraSource,
  has,
  jointSources,
  transportsOf,
  viewOf,
} from './sources.ts';

/** What a bag shows of a robot that was teleoperated, by the time at which it was recorded. */
export interface Demonstration {
  states: Recorded[];
  actions: Recorded[];
  /** What the actions were taken from, in words. */
  actionsFrom: string;
  /** How far behind a step an action may lie that belongs to it, ns. */
  reach: bigint;
  views: View[];
  sources: Source[];
}

/** The leaders as a robot of their own, in the followers' vectors; undefined where the calibration has none. */
export function leadersOf(calibration: Calibration): Calibration | undefined {
  const arms = calibration.arms.flatMap((arm) => {
    if (!arm.leader) return [];
    const { namespace, states, gripper } = arm.leader;
    return [{ ...arm, namespace, states, gripper }];
  });
  return arms.length === calibration.arms.length ? { ...calibration, arms } : undefined;
}

/** Everything that a bag may have of a robot's teleoperation. */
export function wantedOf(calibration: Calibration): WantedTopics {
  const leaders = leadersOf(calibration);
  const images = calibration.cameras.flatMap(transportsOf).map(imageTopic);
  return {
    decode: new Map([
      ...commandsTopics(calibration),
      ...(leaders ? statesTopics(leaders) : []),
      ...statesTopics(calibration),
    ]),
    images: new Map(images.map(({ topic, type }) => [topic, type])),
  };
}

/** A robot's joint states. Throws a `UserError` that begins with the bag where joints are missing in one. */
function positionsIn(bag: Bag, calibration: Calibration, path: string): Recorded[] {
  try {
    return statesIn(bag, calibration);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${path}: ${error.message}`, {
      cause: error,
      kind: 'invalid',
      subject: path,
    });
  }
}

type Actions = Pick<Demonstration, 'actions' | 'actionsFrom' | 'reach' | 'sources'>;

/** Commands, from when each joint was commanded; and the joints that never were. */
function commands(bag: Bag, calibration: Calibration) {
  const unknown = new Float64Array(calibration.joints.length).fill(NaN);
  const all = commandsIn(bag, calibration, unknown);
  const isComplete = ({ position }: Recorded) => !position.some(Number.isNaN);
  const from = all.findIndex(isComplete);
  const last = all.at(-1)?.position ?? unknown;
  return {
    actions: from < 0 ? [] : all.slice(from),
    lacking: from < 0 ? calibration.joints.filter((_, i) => Number.isNaN(last[i])) : [],
    any: all.length > 0,
  };
}

/**
 * What the followers were to do: their drivers' commands, or else, as ALOHA's own recordings have it, the leaders'
 * joints. A command belongs to the step during which it was sent, a leader's position to the one that reads it.
 */
function actionsOf(bag: Bag, calibration: Calibration, path: string): Actions {
  const { actions, lacking, any } = commands(bag, calibration);
  if (actions.length > 0)
    return {
      ...{ actions, actionsFrom: 'joint commands', sources: [] },
      reach: controlPeriod(calibration) / 2n,
    };
  const leaders = leadersOf(calibration);
  const topics = leaders ? [...statesTopics(leaders).keys()] : [];
  const isLed = topics.some((topic) => bag.decoded.some((one) => one.topic === topic));
  if (leaders && isLed)
    return {
      sources: jointSources(bag, topics, path, 'of a leader'),
      ...{
        actions: positionsIn(bag, leaders, path),
        actionsFrom: "leaders' joint states",
        reach: 0n,
      },
    };
  if (any)
    throw invalid(
      path,
      `${lacking.map(({ name }) => name).join(', ')}: never commanded; ${has(bag)}`,
    );
  const orders = [...commandsTopics(calibration).keys()];
  throw invalid(
    path,
    `no joint commands (${orders.join(', ')}) and no joint states of leaders (${topics.join(', ') || 'leader of an arm in the calibration'}); ${has(bag)}`,
  );
}

/** What a bag shows. Throws a `UserError` that names file and topic where something is damaged or not there. */
export async function demonstrationIn(
  bag: Bag,
  calibration: Calibration,
  path: string,
): Promise<Demonstration> {
  if (bag.damage.length > 0)
    throw new UserError(`${bag.damage[0]}${listed(bag.damage.slice(1))}`, {
      kind: 'invalid',
      subject: path,
    });
  const followers = jointSources(bag, statesTopics(calibration).keys(), path, 'of a follower');
  const { sources: leaders, ...acted } = actionsOf(bag, calibration, path);
  const views = calibration.cameras.map((camera) => viewOf(bag, camera, path));
  return {
    ...acted,
    states: positionsIn(bag, calibration, path),
    views,
    sources: [...followers, ...leaders, ...(await Promise.all(views.map(cameraSource)))],
  };
}

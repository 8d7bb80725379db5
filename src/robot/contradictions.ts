import type { Arm, CalibratedCamera, Calibration } from './calibration.ts';
import { overlap } from './crop.ts';
import { commandTopic, driverTopics, inNamespace, statesTopic } from './driverTopics.ts';
import { unreachable } from './interbotixReach.ts';
import { misplaced, orderOf, sideOf } from './jointOrder.ts';
import { lackingJoints, posesOutside } from './spaceRules.ts';

/** Parts of a calibration that cannot be true together: the path of a field, and what is wrong with it. */
export interface Contradiction {
  path: (string | number)[];
  message: string;
}

type Rule = (given: Calibration) => Contradiction[];

/** Index of the first item that is like the one at `index`; undefined if that is the first. */
function earlier<T>(items: readonly T[], index: number, alike: (a: T, b: T) => boolean) {
  const first = items.findIndex((other) => alike(other, items[index]));
  return first < index ? first : undefined;
}

/** Where an arm's commands go; by default the driver in its namespace. */
const routeOf = (arm: Arm): string =>
  arm.command && arm.command.kind !== 'interbotix'
    ? commandTopic(arm, arm.command)
    : inNamespace(arm, '');

const driversDiffer: Rule = ({ arms }) =>
  arms.flatMap((arm, i) => {
    const first = earlier(arms, i, (a, b) => routeOf(a) === routeOf(b));
    if (first === undefined) return [];
    const driver = arm.command?.topic ?? (arm.namespace || 'the root namespace');
    const message = `${driver} is already the driver of ${arms[first].name}; give ${arm.name} its own`;
    return [{ path: ['arms', i, arm.command?.topic ? 'command' : 'namespace'], message }];
  });

/** Whether two cameras keep different parts of one topic's images, as of a stereo camera's. */
const areApart = ({ crop: a }: CalibratedCamera, { crop: b }: CalibratedCamera): boolean =>
  a !== undefined && b !== undefined && !overlap(a, b);

const topicsDiffer: Rule = ({ cameras }) =>
  cameras.flatMap(({ name, topic }, i) => {
    const first = earlier(
      cameras,
      i,
      (a, b) => a === b || (a.topic === b.topic && !areApart(a, b)),
    );
    if (first === undefined) return [];
    const message = `${topic} is already the topic of ${cameras[first].name}; give ${name} its own, or crops that do not overlap`;
    return [{ path: ['cameras', i, 'topic'], message }];
  });

const topicsAreCameras: Rule = ({ arms, cameras }) =>
  cameras.flatMap(({ topic }, i) => {
    const arm = arms.find((known) => driverTopics(known).includes(topic));
    if (!arm) return [];
    const message = `${topic} is a topic of the driver of ${arm.name}, not a camera's; give the topic of its images`;
    return [{ path: ['cameras', i, 'topic'], message }];
  });

const jointsAreOfArms: Rule = ({ arms, joints }) => {
  const unknown = joints.flatMap(({ arm }, i) =>
    arms.some(({ name }) => name === arm)
      ? []
      : [
          {
            path: ['joints', i, 'arm'],
            message: `no arm ${arm}; there are ${arms.map(({ name }) => name).join(', ')}`,
          },
        ],
  );
  const idle = arms.flatMap(({ name }, i) =>
    joints.some(({ arm }) => arm === name)
      ? []
      : [{ path: ['arms', i], message: `no joint is of arm ${name}; leave it out` }],
  );
  return [...unknown, ...idle];
};

/** Arms with drivers of their own may share a topic of joint states, but no joint in it. */
const driversJointsDiffer: Rule = ({ arms, joints }) => {
  const topicOf = (name: string) => {
    const arm = arms.find((known) => known.name === name);
    return arm?.states === undefined ? name : arm.states;
  };
  return joints.flatMap(({ arm, joint }, i) => {
    const first = earlier(
      joints,
      i,
      (a, b) => a.joint === b.joint && (a.arm === b.arm || topicOf(a.arm) === topicOf(b.arm)),
    );
    if (first === undefined) return [];
    const message = `${joint} of ${topicOf(arm)} is already joints[${first}]`;
    return [{ path: ['joints', i, 'joint'], message }];
  });
};

/** Positions of an arm's only gripper are openings between the ends that the arm has. */
const grippersHaveEnds: Rule = ({ arms, joints }) =>
  joints.flatMap(({ kind, arm, name }, i) => {
    const at = arms.findIndex((known) => known.name === arm);
    if (kind !== 'gripper' || at < 0) return [];
    if (!arms[at].gripper) {
      const message = `${name} is a gripper of ${arm}, which has no ends for it; give { closed: rad, open: rad } as its driver has them`;
      return [{ path: ['arms', at, 'gripper'], message }];
    }
    const first = earlier(joints, i, (a, b) => a.kind === b.kind && a.arm === b.arm);
    if (first === undefined) return [];
    const message = `${joints[first].name} is already the gripper of ${arm}; the second finger of one gripper is its mirror`;
    return [{ path: ['joints', i, 'kind'], message }];
  });

/** A leader is no follower, and leads one arm; arms that share a topic of joint states may have leaders that do. */
const leadersLead: Rule = ({ arms }) =>
  arms.flatMap(({ leader, ...arm }, i) => {
    if (!leader) return [];
    const topic = statesTopic(leader);
    const other = arms.find(
      (known, at) =>
        statesTopic(known) === topic ||
        (at < i &&
          known.leader &&
          statesTopic(known.leader) === topic &&
          statesTopic(known) !== statesTopic(arm)),
    );
    if (!other) return [];
    const message = `${topic} is already the joint states of ${other.leader && statesTopic(other) !== topic ? `the leader of ${other.name}` : other.name}; give the leader of ${arm.name} its own`;
    return [{ path: ['arms', i, 'leader'], message }];
  });

/** A chain has the arm's joints, all of them, and no others. */
const chainsHaveTheJoints: Rule = ({ arms, joints }) =>
  arms.flatMap(({ name, chain }, i) => {
    if (!chain) return [];
    const own = joints.filter(({ arm, kind }) => arm === name && kind !== 'gripper');
    const unknown = chain.joints.flatMap(({ joint }, at) =>
      own.some((known) => known.joint === joint)
        ? []
        : [
            {
              path: ['arms', i, 'chain', 'joints', at],
              message: `no joint of ${name} has the driver's name ${joint}; it has ${own.map((known) => known.joint).join(', ')}`,
            },
          ],
    );
    const left = own.filter(({ joint }) => !chain.joints.some((part) => part.joint === joint));
    if (left.length === 0) return unknown;
    const message = `lacks ${left.map(({ joint }) => joint).join(', ')} of ${name}; a chain has all joints that move the hand`;
    return [...unknown, { path: ['arms', i, 'chain'], message }];
  });

const sidesAgree: Rule = ({ joints }) =>
  joints.flatMap(({ name, arm }, i) => {
    const [side, of] = [sideOf(name), sideOf(arm)];
    if (side !== undefined && of !== undefined && side !== of)
      return [{ path: ['joints', i, 'arm'], message: `${name} cannot be a joint of arm ${arm}` }];
    const other = joints.slice(0, i).find((one) => side !== undefined && sideOf(one.name) === side);
    if (!other || other.arm === arm) return [];
    const message = `${name} is of arm ${arm}, but ${other.name} of ${other.arm}; one side's joints are of one arm`;
    return [{ path: ['joints', i, 'arm'], message }];
  });

const orderIsTheVectors: Rule = ({ name, joints }) => {
  const wrong = misplaced(
    name,
    joints.map((joint) => joint.name),
  );
  if (wrong.length === 0) return [];
  const most = 3;
  const rest = wrong.length > most ? [`and ${wrong.length - most} more`] : [];
  const message = `not the joints of ${name}'s vectors in their order: ${[...wrong.slice(0, most), ...rest].join(', ')}; the driver's own names and order do not matter here`;
  return [{ path: ['joints'], message }];
};

const grippersAreGrippers: Rule = ({ name, joints }) =>
  joints.flatMap((joint, i) => {
    const isKnown = name === 'aloha' || orderOf(name, joints.map((one) => one.name)); // prettier-ignore
    if (!isKnown || joint.name.endsWith('gripper') === (joint.kind === 'gripper')) return [];
    return [{ path: ['joints', i, 'kind'], message: `${joint.name} is no ${joint.kind} joint` }];
  });

const limitsAreReached: Rule = ({ joints }) =>
  unreachable(joints).map(({ index, field, message }) => ({
    path: ['joints', index, field],
    message,
  }));

const keptArmsAreWhole: Rule = (given) =>
  lackingJoints(given).flatMap((lacking, i) => {
    if (lacking.length === 0) return [];
    const message = `${given.arms[i].name} has no ${lacking.join(', ')}; an enforced workspace and leastDistance need the six joints of a ViperX 300, or the arm's chain`;
    return [{ path: ['arms', i], message }];
  });

const posesAreKept: Rule = (given) =>
  posesOutside(given).map(({ arm, pose, point }) => ({
    path: ['workspace'],
    message: `at ${pose} the gripper of ${arm} is at ${point.map((value) => value.toFixed(3)).join(', ')}, outside of it; widen it, or correct the base or ${pose} of ${arm}`,
  }));

const keptArmsStandApart: Rule = ({ arms, leastDistance }) =>
  arms.flatMap(({ name }, i) => {
    if (leastDistance === undefined) return [];
    const first = earlier(arms, i, (a, b) =>
      [0, 1, 2].every((axis) => a.base[axis] === b.base[axis]),
    );
    if (first === undefined) return [];
    const message = `${name} stands where ${arms[first].name} does; measure the bases before leastDistance is kept`;
    return [{ path: ['arms', i, 'base'], message }];
  });

const RULES: Rule[] = [
  driversDiffer,
  topicsDiffer,
  topicsAreCameras,
  jointsAreOfArms,
  driversJointsDiffer,
  grippersHaveEnds,
  leadersLead,
  chainsHaveTheJoints,
  sidesAgree,
  orderIsTheVectors,
  grippersAreGrippers,
  limitsAreReached,
  keptArmsAreWhole,
  posesAreKept,
  keptArmsStandApart,
];

/** What parts of a calibration say against each other, or against the embodiment that it names. */
export const contradictions = (given: Calibration): Contradiction[] =>
  RULES.flatMap((rule) => rule(given));

import { type TransformsConfig, transformKinds } from '../policy/vectors/transforms.ts';
import type { FitCase } from './case.ts';

/** A way to read the robot's vector: the values in their places, and the transforms they pass. */
export interface Reading {
  /** [joints] */
  position: Float64Array;
  /** Transforms before normalisation. */
  before: TransformsConfig;
}

/** Something that may be wrong with how the vector is read. */
export interface Suspicion {
  /** As a sentence without its full stop. */
  says: string;
  advice: string;
  /** Joints that it picks out; 1 if it is about the whole vector. The more, the more it explains by chance. */
  choices: number;
  correct: (reading: Reading) => Reading;
}

/** What suspicions of one kind there are for a robot. */
type Suspect = (fit: FitCase, reading: Reading) => Suspicion[];

/** rad or openings: values nearer to each other, or to their negative, tell nothing of order or sign. */
const TELLING = 0.05;

const ORDER = 'correct the order of joints in the calibration or in the statistics';
const SIGN = 'correct the sign in the calibration or in the statistics';

/** Puts the value of joint `from[i]` in the place of joint i. */
const reorder =
  (from: readonly number[]) =>
  ({ position, before }: Reading): Reading => ({
    position: Float64Array.from(from, (joint) => position[joint]),
    before,
  });

const isIdentity = (from: readonly number[]) => from.every((joint, i) => joint === i);

const reordered = (says: string, choices: number, from: readonly number[]): Suspicion[] =>
  isIdentity(from) ? [] : [{ says, advice: ORDER, choices, correct: reorder(from) }];

const exchangedPairs: Suspect = ({ robot: { joints } }, { position }) =>
  joints.flatMap(({ name }, i) =>
    joints.slice(0, i).flatMap((other, j) => {
      if (Math.abs(position[i] - position[j]) < TELLING) return [];
      const from = joints.map((_, joint) => (joint === i ? j : joint === j ? i : joint));
      return reordered(`${other.name} and ${name} look swapped`, 2, from);
    }),
  );

/** Two arms with joints of the same kinds in the same order, one in the place of the other. */
const exchangedArms: Suspect = ({ robot: { joints }, arms }) => {
  const names = [...new Set(arms)];
  const jointsOf = (arm: string) => arms.flatMap((of, joint) => (of === arm ? [joint] : []));
  const kindsOf = (arm: string) => jointsOf(arm).map((joint) => joints[joint].kind).join(); // prettier-ignore
  return names.flatMap((one, i) =>
    names.slice(i + 1).flatMap((other) => {
      if (kindsOf(one) !== kindsOf(other)) return [];
      const [these, those] = [jointsOf(one), jointsOf(other)];
      const from = [...joints.keys()];
      these.forEach((joint, k) => ([from[joint], from[those[k]]] = [those[k], joint]));
      return reordered(`the ${one} and the ${other} arm look swapped`, 1, from);
    }),
  );
};

/** ROS drivers that sort their joints. */
const alphabeticalOrder: Suspect = ({ robot: { joints } }) => {
  const names = joints.map(({ name }) => name);
  const sorted = names.toSorted();
  return reordered(
    'the joints look to be in alphabetical order',
    1,
    names.map((name) => sorted.indexOf(name)),
  );
};

const flip =
  (joints: readonly number[]) =>
  ({ position, before }: Reading): Reading => ({
    position: position.map((value, joint) => (joints.includes(joint) ? -value : value)),
    before,
  });

/** One arm joint, or two: what looks swapped may be two flips. */
const flippedJoints: Suspect = ({ robot: { joints } }, { position }) => {
  const arms = joints.flatMap(({ kind }, joint) =>
    kind === 'arm' && Math.abs(position[joint]) > TELLING ? [joint] : [],
  );
  const sets = arms.flatMap((joint, i) => [
    [joint],
    ...arms.slice(0, i).map((other) => [other, joint]),
  ]);
  return sets.map((set) => ({
    says: `${set.map((joint) => joints[joint].name).join(' and ')} ${set.length > 1 ? 'look' : 'looks'} flipped in sign`,
    advice: SIGN,
    choices: set.length,
    correct: flip(set),
  }));
};

/** Published policies of this robot in a space of their own, and policies that are only taken for them. */
const foreignSpace: Suspect = ({ robot: { joints } }, { before }) =>
  transformKinds().flatMap((kind): Suspicion[] => {
    const { type, space } = kind;
    if (!space) return [];
    if (before.some((step) => step.type === type))
      return [
        {
          says: `the statistics look to be of the robot's own space, not of ${space.name}`,
          advice: `remove ${type} from the transforms`,
          choices: 1,
          correct: (reading) => ({
            ...reading,
            before: reading.before.filter((step) => step.type !== type),
          }),
        },
      ];
    if (!kind.joints({ type }).includes(joints.length)) return [];
    return [
      {
        says: `the statistics look to be of ${space.name}: ${space.differs}`,
        advice: `put ${type} first in the transforms`,
        choices: 1,
        correct: (reading) => ({ ...reading, before: [{ type }, ...reading.before] }),
      },
    ];
  });

const SUSPECTS: Suspect[] = [
  foreignSpace,
  exchangedArms,
  alphabeticalOrder,
  exchangedPairs,
  flippedJoints,
];

/** All that may be wrong with how a robot's vector is read, what concerns many joints first. */
export const suspicions = (fit: FitCase, reading: Reading): Suspicion[] =>
  SUSPECTS.flatMap((suspect) => suspect(fit, reading));

import { type TransformsConfig, transformKinds } from '../policy/vectors/transforms.ts';
import type { FitCase } from './case.ts';

/** A reading of the robot's vector: the values in order, and the transforms applied to them. */
export interface Reading {
  /** [joints] */
  position: Float64Array;
  /** Transforms before normalisation. */
  before: TransformsConfig;
}

/** A possible mistake in the reading, with its correction: two joints swapped, a sign flipped, a foreign space. */
export interface Hypothesis {
  /** A sentence without its full stop. */
  description: string;
  advice: string;
  /** Its complexity: joints that it selects, 1 if it concerns the whole vector. More choices fit more by chance. */
  choices: number;
  correct: (reading: Reading) => Reading;
}

/** Generates the hypotheses of one kind for a robot. */
type Generate = (fit: FitCase, reading: Reading) => Hypothesis[];

/** Least difference between values, or from their negative, that can show a wrong order or sign: rad or openings. */
const DISTINCT = 0.05;

const ORDER = 'correct the order of joints in the calibration or in the statistics';
const SIGN = 'correct the sign in the calibration or in the statistics';

/** Moves the value of joint `from[i]` to joint i. */
const reorder =
  (from: readonly number[]) =>
  ({ position, before }: Reading): Reading => ({
    position: Float64Array.from(from, (joint) => position[joint]),
    before,
  });

const isIdentity = (from: readonly number[]) => from.every((joint, i) => joint === i);

const reordered = (description: string, choices: number, from: readonly number[]): Hypothesis[] =>
  isIdentity(from) ? [] : [{ description, advice: ORDER, choices, correct: reorder(from) }];

const exchangedPairs: Generate = ({ robot: { joints } }, { position }) =>
  joints.flatMap(({ name }, i) =>
    joints.slice(0, i).flatMap((other, j) => {
      if (Math.abs(position[i] - position[j]) < DISTINCT) return [];
      const from = joints.map((_, joint) => (joint === i ? j : joint === j ? i : joint));
      return reordered(`${other.name} and ${name} look swapped`, 2, from);
    }),
  );

/** Two swapped arms that have joints of the same kinds in the same order. */
const exchangedArms: Generate = ({ robot: { joints }, arms }) => {
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

/** Joints in alphabetical order, as some ROS drivers publish them. */
const alphabeticalOrder: Generate = ({ robot: { joints } }) => {
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

/** One flipped arm joint, or two: two flips can look like a swap. */
const flippedJoints: Generate = ({ robot: { joints } }, { position }) => {
  const arms = joints.flatMap(({ kind }, joint) =>
    kind === 'arm' && Math.abs(position[joint]) > DISTINCT ? [joint] : [],
  );
  const sets = arms.flatMap((joint, i) => [
    [joint],
    ...arms.slice(0, i).map((other) => [other, joint]),
  ]);
  return sets.map((set) => ({
    description: `${set.map((joint) => joints[joint].name).join(' and ')} ${set.length > 1 ? 'look' : 'looks'} flipped in sign`,
    advice: SIGN,
    choices: set.length,
    correct: flip(set),
  }));
};

/** A published policy's own space that the transforms lack, or one that they apply without need. */
const foreignSpace: Generate = ({ robot: { joints } }, { before }) =>
  transformKinds().flatMap((kind): Hypothesis[] => {
    const { type, space } = kind;
    if (!space) return [];
    if (before.some((step) => step.type === type))
      return [
        {
          description: `the statistics look to be of the robot's own space, not of ${space.name}`,
          advice: `remove ${type} from the transforms`,
          choices: 1,
          correct: (reading) => ({
            ...reading,
            before: reading.before.filter((step) => step.type !== type),
          }),
        },
      ];
    if (kind.sizes({ type }).state !== joints.length) return [];
    return [
      {
        description: `the statistics look to be of ${space.name}: ${space.differs}`,
        advice: `put ${type} first in the transforms`,
        choices: 1,
        correct: (reading) => ({ ...reading, before: [{ type }, ...reading.before] }),
      },
    ];
  });

const GENERATORS: Generate[] = [
  foreignSpace,
  exchangedArms,
  alphabeticalOrder,
  exchangedPairs,
  flippedJoints,
];

/** All hypotheses about a reading, those that concern many joints first. */
export const hypotheses = (fit: FitCase, reading: Reading): Hypothesis[] =>
  GENERATORS.flatMap((generate) => generate(fit, reading));

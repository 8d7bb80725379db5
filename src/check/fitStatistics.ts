import { actionKind } from './fitMotion.ts';
import { type Reading, type Suspicion, suspicions } from './fitReadings.ts';
import { type PolicySpace, type Spread, actionsSpread, policySpace } from './fitSpace.ts';
import type { Misfit, FitCase } from './case.ts';

/** Standard deviations from the mean at which a state is strange to the policy, and quite out of its data. */
const STRANGE = 4;
const FOREIGN = 10;
/** Least standard deviation taken, rad or openings: a joint that rested while the data were recorded. */
const LEAST_DEVIATION = 0.02;
/** Standard deviation taken about a joint's start pose, rad or openings. */
const HOME_DEVIATION = 0.05;
/** rad or openings within which a joint stands in its start pose. */
const AT_HOME = STRANGE * HOME_DEVIATION;
/** What an explanation has to save, in squared deviations, for each of its choices. */
const PRICE = 4;
/** Squared deviations within which two explanations cannot be told apart: odds of 20 to 1. */
const RIVALRY = 6;
/** Explanations that may be offered for one mistake; more are none. */
const RIVALS = 3;
/** Share of squared deviations that a right explanation leaves at most. */
const LEFT_OVER = 0.25;
/** Deviations count no farther, or one joint would hide the others. */
const FARTHEST = 20;
/** Independent mistakes that are looked for. */
const MISTAKES = 4;
/** Joints whose figures a sentence gives. */
const EXAMPLES = 4;

/** Deviations of joints from the middle of the policy's data. */
const deviations = ({ state }: PolicySpace, encoded: Float32Array): number[] =>
  state.centre.map(
    (centre, joint) =>
      (encoded[joint] - centre) / Math.max(state.deviation[joint], LEAST_DEVIATION),
  );

/** Some of several, for a sentence. */
const examples = (words: readonly string[]) =>
  words.slice(0, EXAMPLES).join(', ') +
  (words.length > EXAMPLES ? ` and ${words.length - EXAMPLES} more` : '');

const subjectOf = ({ robot }: FitCase, joints: readonly number[]) =>
  joints.map((joint) => robot.joints[joint].name).join(', ');

const isStrange = (deviation: number) => Math.abs(deviation) > STRANGE;

const total = (values: number[]) =>
  values.reduce((sum, value) => sum + Math.min(Math.abs(value), FARTHEST) ** 2, 0);

export function placeholderStatistics({ policy, robot }: FitCase): Misfit[] {
  const space = policySpace(policy, robot);
  if (!space)
    return [
      {
        severity: 'warning',
        subject: 'statistics',
        message:
          'the policy has no normalisation statistics, so its states cannot be compared; add meanStd or quantile if it was trained with them',
      },
    ];
  if (!isPlaceholder(space)) return [];
  return [
    {
      severity: 'error',
      subject: 'statistics',
      message:
        'mean 0 and standard deviation 1 for every joint are a placeholder; take the statistics that the policy was trained with',
    },
  ];
}

const isPlaceholder = ({ normalisation, state }: PolicySpace) =>
  normalisation.type === 'meanStd' &&
  state.centre.every((mean) => mean === 0) &&
  state.deviation.every((std) => std === 1);

const DEGREES = 180 / Math.PI;

/** Statistics that no position within the robot's limits can have given. */
interface Unreachable {
  joint: number;
  lower: number;
  upper: number;
  inDegrees: boolean;
}

function unreachable(
  { robot: { joints } }: FitCase,
  { centre, deviation }: Spread,
  ends: readonly [ArrayLike<number>, ArrayLike<number>],
): Unreachable[] {
  return joints.flatMap(({ kind }, joint) => {
    const lower = Math.min(ends[0][joint], ends[1][joint]);
    const upper = Math.max(ends[0][joint], ends[1][joint]);
    const reaches = (scale: number) => {
      const [middle, std] = [centre[joint] / scale, deviation[joint] / scale];
      const near = middle + 3 * std >= lower && middle - 3 * std <= upper;
      return near && std <= upper - lower;
    };
    if (reaches(1)) return [];
    const large = Math.max(Math.abs(centre[joint]), deviation[joint]) > Math.PI;
    return [{ joint, lower, upper, inDegrees: kind === 'arm' && large && reaches(DEGREES) }];
  });
}

const ends = ({ robot: { joints } }: FitCase) =>
  [
    Float64Array.from(joints, ({ lower }) => lower),
    Float64Array.from(joints, ({ upper }) => upper),
  ] as const;

function unreachableStates(fit: FitCase, { state, encode }: PolicySpace): Unreachable[] {
  const [lower, upper] = ends(fit);
  return unreachable(fit, state, [encode(lower), encode(upper)]);
}

/**
 * Statistics of other units or of another robot: nothing the robot can do would give them. Actions of
 * the wrong kind are not looked at.
 */
export function reach(fit: FitCase): Misfit[] {
  const space = policySpace(fit.policy, fit.robot);
  if (!space || isPlaceholder(space)) return [];
  const actions = actionsSpread(fit.policy, space, fit.position);
  const told =
    ({ words }: Spread, what: string) =>
    (out: Unreachable) => {
      const { name } = fit.robot.joints[out.joint];
      const limits = `${out.lower.toFixed(2)} to ${out.upper.toFixed(2)}`;
      return { ...out, words: `${name} at ${words(out.joint)} in ${what} (limits ${limits})` };
    };
  const found = [
    ...unreachableStates(fit, space).map(told(space.state, 'states')),
    ...(actionKind(fit).length > 0 ? [] : unreachable(fit, actions, ends(fit))).map(
      told(actions, 'actions'),
    ),
  ];
  const causes = [
    { inDegrees: true, advice: 'they are in degrees: convert mean and std to rad' },
    { inDegrees: false, advice: 'take the statistics that the policy was trained with' },
  ];
  return causes.flatMap(({ inDegrees, advice }): Misfit[] => {
    const group = found.filter((out) => out.inDegrees === inDegrees);
    if (group.length === 0) return [];
    return [
      {
        severity: 'error',
        subject: subjectOf(fit, [...new Set(group.map(({ joint }) => joint))]),
        message: `the policy's statistics have ${examples(group.map(({ words }) => words))}, where the robot cannot be; ${advice}`,
      },
    ];
  });
}

/** What explains a strange state, and the deviations that are left once it is put right. */
interface Explanation {
  suspicion: Suspicion;
  reading: Reading;
  /** Joints that it brings nearer or moves away. */
  touched: number[];
  left: number[];
}

/** What a reading is compared with. */
interface Measure {
  deviations: (reading: Reading) => number[];
  /** Whether an explanation that leaves no touched joint strange is to be believed. */
  believes: (explanation: Explanation, before: number[]) => boolean;
  /** Where a joint stands and where it was expected. */
  figures: (joint: number) => string;
}

const contains = (outer: Explanation, inner: Explanation) =>
  outer.touched.length > inner.touched.length &&
  inner.touched.every((joint) => outer.touched.includes(joint));

/**
 * The suspicion that brings strange joints best to where they are expected, then those that do it about
 * as well; empty if all leave much over, or too many are alike.
 */
function explain(fit: FitCase, measure: Measure, reading: Reading): Explanation[] {
  const before = measure.deviations(reading);
  const cost = ({ left, suspicion }: Explanation) => total(left) + PRICE * suspicion.choices;
  const ranked = suspicions(fit, reading)
    .map((suspicion): Explanation => {
      const corrected = suspicion.correct(reading);
      const left = measure.deviations(corrected);
      const touched = before.flatMap((was, joint) =>
        Math.abs(left[joint] - was) > 1e-6 ? [joint] : [],
      );
      return { suspicion, reading: corrected, touched, left };
    })
    .filter((explanation) => {
      const of = (values: number[]) => explanation.touched.map((joint) => values[joint]);
      const left = of(explanation.left);
      return (
        of(before).some(isStrange) &&
        !left.some(isStrange) &&
        total(left) < LEFT_OVER * total(of(before)) &&
        measure.believes(explanation, before)
      );
    })
    .toSorted((a, b) => cost(a) - cost(b));
  const alike = ranked.filter((other) => cost(other) < cost(ranked[0]) + RIVALRY);
  const simplest = alike.filter(
    (other) => !alike.some((inner) => contains(other, inner) && cost(inner) <= cost(other)),
  );
  return simplest.length > RIVALS ? [] : simplest;
}

const joinDistinct = (words: readonly string[]) => [...new Set(words)].join(', or ');

/** All that explains a strange state, one mistake upon the other, and what is left of it. */
function explainAll(fit: FitCase, measure: Measure, start: Reading) {
  const findings: Misfit[] = [];
  let reading = start;
  while (findings.length < MISTAKES) {
    const rivals = explain(fit, measure, reading);
    if (rivals.length === 0) break;
    const joints = [...new Set(rivals.flatMap(({ touched }) => touched))];
    const says = joinDistinct(rivals.map(({ suspicion }) => suspicion.says));
    const advice = joinDistinct(rivals.map(({ suspicion }) => suspicion.advice));
    findings.push({
      severity: 'error',
      subject: subjectOf(fit, joints),
      message: `${says}: ${examples(joints.map(measure.figures))}; ${advice}`,
    });
    reading = rivals[0].reading;
  }
  return { findings, reading };
}

/** The policy's data. Where they reach the start pose, the robot may merely stand elsewhere. */
function dataMeasure(fit: FitCase, space: PolicySpace): Measure {
  const { robot, position } = fit;
  const measured = space.encode(position);
  const atHome = deviations(space, space.encode(homeOf(fit)));
  return {
    deviations: ({ position, before }) => deviations(space, space.encode(position, before)),
    believes: ({ touched, reading }, before) =>
      touched.some((joint) => isStrange(before[joint]) && isStrange(atHome[joint])) ||
      touched.every(
        (joint) => Math.abs(reading.position[joint] - robot.joints[joint].home) < AT_HOME,
      ),
    figures: (joint) =>
      `${robot.joints[joint].name} stands at ${measured[joint].toFixed(2)} where the policy's data have ${space.state.words(joint)}`,
  };
}

/** The start pose: a mistake is believed if all of the robot stands there once it is put right. */
function homeMeasure({ robot, position }: FitCase): Measure {
  return {
    deviations: ({ position }) =>
      robot.joints.map(({ home }, joint) => (position[joint] - home) / HOME_DEVIATION),
    believes: ({ left }) => !left.some(isStrange),
    figures: (joint) =>
      `${robot.joints[joint].name} stands at ${position[joint].toFixed(2)} where the start pose is ${robot.joints[joint].home.toFixed(2)}`,
  };
}

const homeOf = ({ robot }: FitCase) => Float64Array.from(robot.joints, ({ home }) => home);

/**
 * The measured state against the policy's statistics and the start pose: which mistake would explain
 * that it is strange, and what stays strange.
 */
export function statistics(fit: FitCase): Misfit[] {
  const space = policySpace(fit.policy, fit.robot);
  const start: Reading = { position: fit.position, before: space?.before ?? [] };
  const byHome = explainAll(fit, homeMeasure(fit), start);
  if (!space || isPlaceholder(space)) return byHome.findings;

  const measure = dataMeasure(fit, space);
  const byData = explainAll(fit, measure, byHome.reading);
  const explained = [...byHome.findings, ...byData.findings];
  const left = measure.deviations(byData.reading);
  const outOfReach = unreachableStates(fit, space).map(({ joint }) => joint);
  const strange = left.flatMap((deviation, joint) =>
    isStrange(deviation) && !outOfReach.includes(joint) ? [joint] : [],
  );
  const atHome = deviations(space, space.encode(homeOf(fit)));
  const elsewhere = strange.filter((joint) => !isStrange(atHome[joint]));
  const foreign = strange.filter((joint) => isStrange(atHome[joint]));
  return [
    ...explained,
    ...foreign.map((joint): Misfit => ({
      severity: Math.abs(left[joint]) > FOREIGN ? 'error' : 'warning',
      subject: subjectOf(fit, [joint]),
      message: `${measure.figures(joint)}, and the start pose lies no nearer; take the statistics that the policy was trained with on this robot, or correct the start pose`,
    })),
    ...(elsewhere.length > 0 && explained.length === 0
      ? [standsElsewhere(fit, elsewhere, measure)]
      : []),
  ];
}

const standsElsewhere = (fit: FitCase, joints: number[], { figures }: Measure): Misfit => ({
  severity: 'warning',
  subject: subjectOf(fit, joints),
  message: `${examples(joints.map(figures))}; the start pose fits, so bring the robot there and check again`,
});

import { actionKind } from './fitMotion.ts';
import { type Reading, type Hypothesis, hypotheses } from './fitReadings.ts';
import { type PolicySpace, type Spread, actionsSpread, policySpace } from './fitSpace.ts';
import type { Misfit, FitCase } from './case.ts';

/**
 * The measured state is compared with the policy's statistics. If it is strange, a search looks for the mistake that
 * explains it best. Example: the data have waist 0.0 ± 0.1 and shoulder −1.0 ± 0.1; measured are waist −1.0 and
 * shoulder 0.0, both 10 standard deviations off. "waist and shoulder look swapped" leaves deviations of 0. "waist looks
 * flipped in sign" would leave the waist strange, so it is rejected. The cost of a hypothesis is the squared deviations
 * that it leaves plus a price for its complexity; hypotheses of nearly equal cost are reported together.
 */

/** Standard deviations from the mean beyond which a state is strange to the policy, and clearly outside its data. */
const STRANGE = 4;
const FOREIGN = 10;
/** Lower bound of standard deviations, rad or openings, for joints that did not move in the data. */
const LEAST_DEVIATION = 0.02;
/** Standard deviation assumed around a joint's start pose, rad or openings. */
const HOME_DEVIATION = 0.05;
/** Tolerance within which a joint is in its start pose, rad or openings. */
const AT_HOME = STRANGE * HOME_DEVIATION;
/** Complexity penalty in squared deviations, per choice of a hypothesis. */
const PRICE = 4;
/** Difference in cost below which explanations count as tied: 6 squared deviations are odds of 20 to 1. */
const TIE_MARGIN = 6;
/** Most explanations reported for one mistake; with more ties none is reported. */
const MOST_TIES = 3;
/** Largest fraction of the squared deviations that a plausible explanation may leave. */
const LEFT_OVER = 0.25;
/** Deviations are capped here, so that one joint does not dominate the cost. */
const FARTHEST = 20;
/** Most independent mistakes to find. */
const MISTAKES = 4;
/** Most joints whose figures a message lists. */
const EXAMPLES = 4;

/** [joints] deviations from the centre of the policy's data, in standard deviations. */
const deviations = ({ state }: PolicySpace, encoded: Float32Array): number[] =>
  state.centre.map(
    (centre, joint) =>
      (encoded[joint] - centre) / Math.max(state.deviation[joint], LEAST_DEVIATION),
  );

/** The first items of a list, for a message. */
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

/** A joint whose statistics cannot come from positions within the robot's limits. */
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
 * Finds statistics in other units or of another robot: no positions within the limits would produce them. Actions are
 * skipped if `actionKind` already reports them.
 */
export function reach(fit: FitCase): Misfit[] {
  const space = policySpace(fit.policy, fit.robot);
  if (!space || isPlaceholder(space)) return [];
  const actions = actionsSpread(fit.policy, space, fit.position);
  const describe =
    ({ words }: Spread, what: string) =>
    (out: Unreachable) => {
      const { name } = fit.robot.joints[out.joint];
      const limits = `${out.lower.toFixed(2)} to ${out.upper.toFixed(2)}`;
      return { ...out, words: `${name} at ${words(out.joint)} in ${what} (limits ${limits})` };
    };
  const found = [
    ...unreachableStates(fit, space).map(describe(space.state, 'states')),
    ...(actionKind(fit).length > 0 ? [] : unreachable(fit, actions, ends(fit))).map(
      describe(actions, 'actions'),
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

/** A hypothesis that explains a strange state, and the deviations [joints] that its correction leaves. */
interface Explanation {
  hypothesis: Hypothesis;
  reading: Reading;
  /** Joints whose deviation it changes. */
  touched: number[];
  left: number[];
}

/** The reference that a reading is compared with. */
interface Measure {
  deviations: (reading: Reading) => number[];
  /** Whether an explanation that leaves no touched joint strange is plausible. */
  isPlausible: (explanation: Explanation, before: number[]) => boolean;
  /** A joint's measured and expected position as text. */
  figures: (joint: number) => string;
}

const contains = (outer: Explanation, inner: Explanation) =>
  outer.touched.length > inner.touched.length &&
  inner.touched.every((joint) => outer.touched.includes(joint));

/**
 * The best explanation and those tied with it, best first. Empty if none removes enough of the deviations, or if
 * too many are tied.
 */
function explain(fit: FitCase, measure: Measure, reading: Reading): Explanation[] {
  const before = measure.deviations(reading);
  const cost = ({ left, hypothesis }: Explanation) => total(left) + PRICE * hypothesis.choices;
  const ranked = hypotheses(fit, reading)
    .map((hypothesis): Explanation => {
      const corrected = hypothesis.correct(reading);
      const left = measure.deviations(corrected);
      const touched = before.flatMap((was, joint) =>
        Math.abs(left[joint] - was) > 1e-6 ? [joint] : [],
      );
      return { hypothesis, reading: corrected, touched, left };
    })
    .filter((explanation) => {
      const of = (values: number[]) => explanation.touched.map((joint) => values[joint]);
      const left = of(explanation.left);
      return (
        of(before).some(isStrange) &&
        !left.some(isStrange) &&
        total(left) < LEFT_OVER * total(of(before)) &&
        measure.isPlausible(explanation, before)
      );
    })
    .toSorted((a, b) => cost(a) - cost(b));
  const tied = ranked.filter((other) => cost(other) < cost(ranked[0]) + TIE_MARGIN);
  const simplest = tied.filter(
    (other) => !tied.some((inner) => contains(other, inner) && cost(inner) <= cost(other)),
  );
  return simplest.length > MOST_TIES ? [] : simplest;
}

const joinDistinct = (words: readonly string[]) => [...new Set(words)].join(', or ');

/** Explains a strange state by successive mistakes; returns the findings and the corrected reading. */
function explainAll(fit: FitCase, measure: Measure, start: Reading) {
  const findings: Misfit[] = [];
  let reading = start;
  while (findings.length < MISTAKES) {
    const ties = explain(fit, measure, reading);
    if (ties.length === 0) break;
    const joints = [...new Set(ties.flatMap(({ touched }) => touched))];
    const description = joinDistinct(ties.map(({ hypothesis }) => hypothesis.description));
    const advice = joinDistinct(ties.map(({ hypothesis }) => hypothesis.advice));
    findings.push({
      severity: 'error',
      subject: subjectOf(fit, joints),
      message: `${description}: ${examples(joints.map(measure.figures))}; ${advice}`,
    });
    reading = ties[0].reading;
  }
  return { findings, reading };
}

/** Compares with the policy's data. If the data include the start pose, the robot may just stand elsewhere. */
function dataMeasure(fit: FitCase, space: PolicySpace): Measure {
  const { robot, position } = fit;
  const measured = space.encode(position);
  const atHome = deviations(space, space.encode(homeOf(fit)));
  return {
    deviations: ({ position, before }) => deviations(space, space.encode(position, before)),
    isPlausible: ({ touched, reading }, before) =>
      touched.some((joint) => isStrange(before[joint]) && isStrange(atHome[joint])) ||
      touched.every(
        (joint) => Math.abs(reading.position[joint] - robot.joints[joint].home) < AT_HOME,
      ),
    figures: (joint) =>
      `${robot.joints[joint].name} stands at ${measured[joint].toFixed(2)} where the policy's data have ${space.state.words(joint)}`,
  };
}

/** Compares with the start pose: a mistake is plausible if its correction puts every joint there. */
function homeMeasure({ robot, position }: FitCase): Measure {
  return {
    deviations: ({ position }) =>
      robot.joints.map(({ home }, joint) => (position[joint] - home) / HOME_DEVIATION),
    isPlausible: ({ left }) => !left.some(isStrange),
    figures: (joint) =>
      `${robot.joints[joint].name} stands at ${position[joint].toFixed(2)} where the start pose is ${robot.joints[joint].home.toFixed(2)}`,
  };
}

const homeOf = ({ robot }: FitCase) => Float64Array.from(robot.joints, ({ home }) => home);

/**
 * Compares the measured state with the policy's statistics and the start pose. Reports the mistakes that explain a
 * strange state, and joints that stay strange.
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

import { UserError, invalid } from '../../errors.ts';
import type { NormalisationConfig } from '../vectors/normalisation.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Choice } from './choice.ts';
import { type Embodied, actionsOf } from './embodiments.ts';
import type { Family } from './family.ts';
import type { Moments, Statistics } from './statistics.ts';

/** The transforms that lerobot's modes are. */
const MODES: Record<string, NormalisationConfig['type']> = {
  MEAN_STD: 'meanStd',
  QUANTILES: 'quantile',
};
/** How the policy is normalised: as its processors say, which is what lerobot runs, else its configuration. */
function typeOf({ config, configPath, processors }: Checkpoint, family: Family, usual: string) {
  const { normalization_mapping: mapping } = config;
  const configured = mapping && {
    by: `normalization_mapping in ${configPath}`,
    STATE: mapping.STATE ?? usual,
    ACTION: mapping.ACTION ?? usual,
  };
  const { by, STATE, ACTION } = processors.norm ??
    configured ?? { by: `the family ${family}`, STATE: usual, ACTION: usual };
  if (!(STATE in MODES) || STATE !== ACTION)
    throw new UserError(
      `${by} has STATE ${STATE} and ACTION ${ACTION}; a bundle knows ${Object.keys(MODES).join(' or ')}, the same for both`,
      { kind: 'unsupported', fields: ['STATE', 'ACTION'] },
    );
  const isAgainst = processors.norm && configured && configured.STATE !== STATE;
  return { value: MODES[STATE], by: isAgainst ? `${by}, against ${configured.by}` : by };
}

/** Numbers below which a statistic is taken for zero that pads. */
const TINY = 1e-6;
/** What else pads statistics of few joints to the policy's 32. */
const PADDING: Record<string, number> = { std: 1, q01: -1, q99: 1 };

const isPadding = (name: string, value: number) =>
  Math.abs(value) <= TINY || value === PADDING[name];

/** A statistic's value for a message, where it is no finite number of float32, in which policies compute. */
function faultOf(value: unknown): string | undefined {
  if (typeof value === 'number')
    return Number.isFinite(Math.fround(value)) ? undefined : String(value);
  return Array.isArray(value) ? 'a list' : (JSON.stringify(value) ?? String(value));
}

type Vector = 'state' | 'actions';

/** Names of a vector's numbers. */
const namesOf = (vector: Vector, embodiment: Embodied) =>
  vector === 'state' ? embodiment.joints : actionsOf(embodiment);

const place = (index: number, joints: readonly string[]) =>
  `joint ${index}${index < joints.length ? ` (${joints[index]})` : ''}`;

const REMEDY = 'give the statistics that the policy was trained with (--stats)';

/** Statistics of a robot's vector: finite, without padding, and of no other robot. */
function fitted(
  vector: Vector,
  moments: Moments,
  names: readonly [string, string],
  embodiment: Embodied,
  source: string,
): number[][] {
  const { name } = embodiment;
  const joints = namesOf(vector, embodiment);
  return names.map((statistic) => {
    const values = moments[statistic];
    if (!values)
      throw invalid(
        source,
        `there is no ${statistic} of the ${vector}; give --stats another`,
        statistic,
      );
    const wrong = values.findIndex((value) => faultOf(value) !== undefined);
    if (wrong >= 0)
      throw invalid(
        source,
        `${statistic} of the ${vector} is ${faultOf(values[wrong])} at ${place(wrong, joints)}; ${REMEDY}`,
        statistic,
      );
    const numbers = values as number[];
    const padding = numbers.slice(joints.length);
    if (numbers.length < joints.length || !padding.every((value) => isPadding(statistic, value)))
      throw new UserError(
        `${source}: statistics of another robot: ${statistic} of the ${vector} is of ${numbers.length} joints, ${name} has ${joints.length}. Give those of this robot with --stats`,
        { kind: 'mismatch', subject: source, fields: [statistic] },
      );
    return numbers.slice(0, joints.length);
  });
}

/** Statistics of which one is never above the other. */
const ORDERED: [string, string][] = [
  ['q01', 'q99'],
  ['min', 'max'],
];

/** Throws a `UserError` for statistics that no data can have, used or not. */
function checkPossible(
  vector: Vector,
  moments: Moments,
  embodiment: Embodied,
  source: string,
): void {
  const joints = namesOf(vector, embodiment);
  const number = (statistic: string, i: number) => {
    const value = moments[statistic]?.[i];
    return typeof value === 'number' ? value : NaN;
  };
  const refuse = (statistic: string, what: string, i: number) => {
    throw invalid(source, `${what} of the ${vector} at ${place(i, joints)}; ${REMEDY}`, statistic);
  };
  joints.forEach((_, i) => {
    if (number('std', i) < 0) refuse('std', `std is ${number('std', i)}`, i);
    for (const [low, high] of ORDERED) {
      if (number(low, i) > number(high, i))
        refuse(low, `${low} is ${number(low, i)}, above ${high} (${number(high, i)}),`, i);
    }
  });
}

/** The last transform of a policy, its normalisation, and who chose its kind; `usual` is what its family takes by itself. */
export function normalisationOf(
  checkpoint: Checkpoint,
  family: Family,
  usual: string,
  embodiment: Embodied,
  { source, sourceOfActions = source, convention, state, actions }: Statistics,
): Choice<NormalisationConfig> {
  const { value: type, by } = typeOf(checkpoint, family, usual);
  const of = (vector: Vector, moments: Moments, names: readonly [string, string]) => {
    const path = vector === 'state' ? source : sourceOfActions;
    const values = fitted(vector, moments, names, embodiment, path);
    checkPossible(vector, moments, embodiment, path);
    return Object.fromEntries(names.map((name, i) => [name, values[i]]));
  };
  const names = type === 'meanStd' ? (['mean', 'std'] as const) : (['q01', 'q99'] as const);
  const value = {
    type,
    // Bundles of openpi's quantiles name no convention.
    ...(type === 'meanStd' || convention === 'lerobot' ? { convention } : {}),
    state: of('state', state, names),
    actions: of('actions', actions, names),
  } as NormalisationConfig;
  return { value, by };
}

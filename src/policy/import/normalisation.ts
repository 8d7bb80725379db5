import { UserError } from '../../errors.ts';
import type { TransformsConfig } from '../transforms.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Embodied } from './embodiments.ts';
import type { Family } from './family.ts';
import type { Moments, Statistics } from './statistics.ts';

type Normalisation = Extract<TransformsConfig[number], { type: 'meanStd' | 'quantile' }>;

/** The transforms that lerobot's modes are. */
const MODES: Record<string, Normalisation['type']> = { MEAN_STD: 'meanStd', QUANTILES: 'quantile' };
/** What openpi takes for each family, and what lerobot's default is. */
const OF_FAMILY: Record<Family, Normalisation['type']> = { pi0: 'meanStd', pi05: 'quantile' };

function typeOf({ config, configPath }: Checkpoint, family: Family): Normalisation['type'] {
  const { STATE, ACTION } = config.normalization_mapping ?? {};
  const [state, action] = [STATE, ACTION].map((mode) =>
    mode === undefined ? OF_FAMILY[family] : MODES[mode],
  );
  if (state === undefined || state !== action)
    throw new UserError(
      `${configPath}: normalization_mapping has STATE ${STATE} and ACTION ${ACTION}; a bundle knows ${Object.keys(MODES).join(' or ')}, the same for both`,
    );
  return state;
}

/** Numbers that pad statistics of few joints to the policy's 32. */
const isPadding = (name: string, value: number) =>
  value === 0 || (name === 'std' && value === 1) || (name === 'q99' && value === 1);

/** Statistics of `joints` joints: without padding, and of no other robot. */
function fitted(
  vector: 'state' | 'actions',
  moments: Moments,
  names: readonly [string, string],
  { name, joints }: Embodied,
  source: string,
): number[][] {
  return names.map((statistic) => {
    const values = moments[statistic];
    if (!values)
      throw new UserError(
        `${source}: there is no ${statistic} of the ${vector}; give --stats another`,
      );
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      throw new UserError(
        `${source}: ${statistic} of the ${vector} is ${values[wrong]} at joint ${wrong}; give the statistics that the policy was trained with (--stats)`,
      );
    const padding = values.slice(joints.length);
    if (values.length < joints.length || !padding.every((value) => isPadding(statistic, value)))
      throw new UserError(
        `${source}: statistics of another robot: ${statistic} of the ${vector} is of ${values.length} joints, ${name} has ${joints.length}. Give those of this robot with --stats`,
      );
    return values.slice(0, joints.length);
  });
}

/** The last transform of a policy: its normalisation. */
export function normalisationOf(
  checkpoint: Checkpoint,
  family: Family,
  embodiment: Embodied,
  { source, convention, state, actions }: Statistics,
): Normalisation {
  const type = typeOf(checkpoint, family);
  const of = (vector: 'state' | 'actions', moments: Moments, names: readonly [string, string]) =>
    Object.fromEntries(
      fitted(vector, moments, names, embodiment, source).map((values, i) => [names[i], values]),
    );
  if (type === 'meanStd') {
    const moments = ['mean', 'std'] as const;
    return {
      type,
      convention,
      state: of('state', state, moments),
      actions: of('actions', actions, moments),
    } as Normalisation;
  }
  const quantiles = ['q01', 'q99'] as const;
  return {
    type,
    state: of('state', state, quantiles),
    actions: of('actions', actions, quantiles),
  } as Normalisation;
}

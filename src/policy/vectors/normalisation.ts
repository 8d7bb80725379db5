import { z } from 'zod';
import type { Transform, TransformConfig, TransformKind } from './transform.ts';

const numbers = z.array(z.number()).nonempty();

const momentsSchema = z
  .strictObject({ mean: numbers, std: z.array(z.number().min(0)) })
  .refine(({ mean, std }) => mean.length === std.length, 'mean and std differ in length');

const quantilesSchema = z
  .strictObject({ q01: numbers, q99: numbers })
  .refine(({ q01, q99 }) => q01.length === q99.length, 'q01 and q99 differ in length')
  .refine(({ q01, q99 }) => q01.every((low, i) => low <= q99[i]), 'a q01 lies above its q99');

const meanStdSchema = z.strictObject({
  type: z.literal('meanStd'),
  /** Whose guard against a standard deviation of zero the policy was trained with. */
  convention: z.enum(['openpi', 'lerobot']),
  state: momentsSchema,
  actions: momentsSchema,
});

const quantileSchema = z.strictObject({
  type: z.literal('quantile'),
  /** Whose guard against a range of zero the policy was trained with; openpi's where absent. */
  convention: z.enum(['openpi', 'lerobot']).optional(),
  state: quantilesSchema,
  actions: quantilesSchema,
});

export type MeanStdConfig = z.infer<typeof meanStdSchema>;
export type QuantileConfig = z.infer<typeof quantileSchema>;

/** A step that scales vectors by statistics of the training data. */
export type NormalisationConfig = MeanStdConfig | QuantileConfig;

export const isNormalisation = (config: TransformConfig): config is NormalisationConfig =>
  config.type === 'meanStd' || config.type === 'quantile';

/** One joint: to normalise is to subtract `shift` and divide by `divisor`. */
interface Scaling {
  shift: number;
  divisor: number;
  /** What undoes the division: the same in openpi, without the guard in lerobot. */
  multiplier: number;
}

function transformOf(state: Scaling[], actions: Scaling[]): Transform {
  const normalise = (scalings: Scaling[]) => (vector: Float64Array) => {
    scalings.forEach(({ shift, divisor }, i) => (vector[i] = (vector[i] - shift) / divisor));
  };
  return {
    encodeState: normalise(state),
    encodeAction: normalise(actions),
    decodeAction: (action) => {
      actions.forEach(({ shift, multiplier }, i) => (action[i] = action[i] * multiplier + shift));
    },
  };
}

const GUARDS = {
  openpi: { epsilon: 1e-6, undone: true },
  lerobot: { epsilon: 1e-8, undone: false },
};

/** (x − mean) / (std + ε). */
export function meanStd({ convention, state, actions }: MeanStdConfig): Transform {
  const { epsilon, undone } = GUARDS[convention];
  const scalings = ({ mean, std }: MeanStdConfig['state']) =>
    mean.map((shift, i) => {
      const divisor = std[i] + epsilon;
      return { shift, divisor, multiplier: undone ? divisor : std[i] };
    });
  return transformOf(scalings(state), scalings(actions));
}

/** The width of a range with its guard: openpi's widens every range, lerobot's stands in for one of zero. */
const RANGES = {
  openpi: (range: number) => range + 1e-6,
  lerobot: (range: number) => (range === 0 ? 1e-8 : range),
};

/** 2 (x − q01) / (q99 − q01) − 1. */
export function quantile({ convention = 'openpi', state, actions }: QuantileConfig): Transform {
  const scalings = ({ q01, q99 }: QuantileConfig['state']) =>
    q01.map((low, i) => {
      const half = RANGES[convention](q99[i] - low) / 2;
      return { shift: low + half, divisor: half, multiplier: half };
    });
  return transformOf(scalings(state), scalings(actions));
}

/** To mean 0 and standard deviation 1. */
export const meanStdStep: TransformKind<MeanStdConfig> = {
  type: 'meanStd',
  schema: meanStdSchema,
  sizes: ({ state, actions }) => ({ state: state.mean.length, actions: actions.mean.length }),
  create: meanStd,
};

/** The middle 98 % to −1…1. */
export const quantileStep: TransformKind<QuantileConfig> = {
  type: 'quantile',
  schema: quantileSchema,
  sizes: ({ state, actions }) => ({ state: state.q01.length, actions: actions.q01.length }),
  create: quantile,
};

import { UserError } from '../../../errors.ts';
import type { BundleConfig } from '../../bundle/config.ts';
import type { Precision } from '../../bundle/precision.ts';
import type { Pi0Config } from './config.ts';
import { EMBODIMENTS } from '../../checkpoints/embodiments.ts';
import { largeRandomWeights, randomWeights } from './randomWeights.ts';
import type { Embodiment } from '../../../robot/embodiment.ts';
import type { TensorSource } from '../../../tensors/safetensors.ts';
import { FULL } from './full.ts';
import { MINI } from './mini.ts';

/** A policy that can be made from random weights. */
interface Size {
  /** In a bundle's description. */
  what: (robot: string) => string;
  config: typeof MINI | typeof FULL;
  /** Numbers of a row of states and actions, for this many joints; those beyond the joints are padding. */
  rowOf: (joints: number) => number;
  weights: (architecture: Pi0Config, seed: number, precision: Precision) => TensorSource[];
}

/** What is made of each size. */
export const SIZES = {
  mini: {
    what: (robot) => `A small pi0 for ${robot}`,
    config: MINI,
    rowOf: (joints) => joints,
    weights: randomWeights,
  },
  full: {
    what: () => 'A pi0 of the published size',
    config: FULL,
    rowOf: () => FULL.architecture.actionDim,
    weights: largeRandomWeights,
  },
} as const satisfies Record<string, Size>;

export type SizeName = keyof typeof SIZES;

/** The cameras that a policy of a robot sees through: those of its published policies, else all that it has. */
function camerasOf({ name, cameras }: Embodiment): [string, ...string[]] {
  const own = cameras.map((camera) => camera.name);
  const published = Object.entries(EMBODIMENTS).find(([known]) => known === name)?.[1].cameras;
  if (published?.every((camera) => own.includes(camera))) return [...published];
  const [first, ...others] = own;
  if (first === undefined)
    throw new UserError(`${name} has no cameras, and a pi0 sees through at least one; add one to its calibration`, { kind: 'unsupported', fields: ['cameras'] }); // prettier-ignore
  return [first, ...others];
}

/** A bundle's configuration, but for what its weights and statistics set. */
export type SizedConfig = Omit<
  BundleConfig<Pi0Config>,
  'name' | 'description' | 'transforms' | 'precision'
>;

/**
 * The configuration of a policy of a size for a robot. Throws a `UserError` for a robot without cameras, or with more
 * joints than the size has room for.
 */
export function configFor(size: SizeName, embodiment: Embodiment): SizedConfig {
  const { config, rowOf } = SIZES[size];
  const joints = embodiment.joints.length;
  const row = rowOf(joints);
  if (joints > row)
    throw new UserError(`${embodiment.name} has ${joints} joints, and a policy of the size ${size} has room for ${row}; take another size`, { kind: 'unsupported', fields: ['joints'] }); // prettier-ignore
  return {
    ...config,
    embodiment: embodiment.name,
    cameras: camerasOf(embodiment),
    architecture: { ...config.architecture, actionDim: row, stateDim: row },
  };
}

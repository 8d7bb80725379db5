import type { Tasks } from '../../robot/tasks.ts';
import type { Integration } from '../integration.ts';
import type { PolicyShape } from '../shape.ts';
import type { Trainable } from '../trainable.ts';
import type { TransformsConfig } from '../vectors/transforms.ts';
import type { Precision } from './precision.ts';

/** The contents of `policy.json`; see parseConfig.ts for how they are written. */
export interface BundleConfig<Architecture = unknown> {
  format: 1;
  name: string;
  description: string;
  /** Name of the embodiment whose vectors the policy uses. */
  embodiment: string;
  /** In the order in which the policy reads them. */
  cameras: [string, ...string[]];
  /** The tasks that it was trained for; absent where nobody has said. */
  tasks?: Tasks;
  /** How its flow is integrated; absent in a family without a flow. */
  integration?: Integration;
  /** Rows of a chunk that are played before the next one takes over. */
  executeSteps: number;
  /** Maximum number of committed rows that it was trained to continue (arXiv 2512.05964); absent if none. */
  maxDelay?: number;
  precision: Precision;
  /** Name of the policy family, as the registry has it. */
  family: string;
  /** The block that only the family reads. */
  architecture: Architecture;
  transforms: TransformsConfig;
}

/** A policy on disk, checked: its files are complete and consistent. */
export interface Bundle<Architecture = unknown> extends BundleConfig<Architecture> {
  folder: string;
  /** Changes with the weights or the configuration. */
  base: string;
  /** The base's version, with the adapter's if there is one. */
  version: string;
  shape: PolicyShape;
  /** Whether matrices of its prefix are quantised. */
  isPacked: boolean;
  /** Whether it has golden numbers; see golden.ts. */
  hasGolden: boolean;
  /** The parameters that the bundle's adapter holds, if it has one. */
  trainable?: Trainable;
}

const FIELDS: readonly (keyof BundleConfig)[] = [
  'format',
  'name',
  'description',
  'embodiment',
  'cameras',
  'tasks',
  'integration',
  'executeSteps',
  'maxDelay',
  'precision',
  'family',
  'architecture',
  'transforms',
];

/** A loaded bundle's configuration alone. */
export const configOf = <A>(bundle: BundleConfig<A>): BundleConfig<A> =>
  Object.fromEntries(
    FIELDS.flatMap((field) => (bundle[field] === undefined ? [] : [[field, bundle[field]]])),
  ) as unknown as BundleConfig<A>;

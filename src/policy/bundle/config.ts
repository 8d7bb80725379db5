import { z } from 'zod';
import { pi0ConfigSchema } from '../families/pi0/config.ts';
import type { Trainable } from '../trainable.ts';
import { transformsSchema } from '../vectors/transforms.ts';
import { precisionSchema } from './precision.ts';

const fieldsSchema = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1),
  description: z.string(),
  /** Name of the embodiment that the policy's vectors are of. */
  embodiment: z.string().min(1),
  /** In the order of the prefix. */
  cameras: z.array(z.string().min(1)).nonempty(),
  /** Euler steps of a sample. */
  steps: z.int().min(1).max(1000),
  /** Rows of a chunk that are played before the next one takes over. */
  executeSteps: z.int().min(1),
  /** Rows under way, at most, that it was trained to go on from (arXiv 2512.05964); absent if none. */
  maxDelay: z.int().min(1).optional(),
  precision: precisionSchema.default('float32'),
  pi0: pi0ConfigSchema,
  transforms: transformsSchema,
});

/** The contents of `policy.json`. */
export const bundleSchema = fieldsSchema.refine(
  ({ executeSteps, pi0 }) => executeSteps <= pi0.horizon,
  { path: ['executeSteps'], error: 'is more than a chunk has rows (pi0.horizon)' },
);

export type BundleConfig = z.infer<typeof bundleSchema>;

/** A policy on disk that has been checked: every file is there and fits the others. */
export interface Bundle extends BundleConfig {
  folder: string;
  /** Changes with the weights or the configuration. */
  base: string;
  /** The base's, and the adapter's if there is one. */
  version: string;
  /** Whether matrices of its prefix are of few bits. */
  isPacked: boolean;
  /** Whether it has golden numbers; see golden.ts. */
  hasGolden: boolean;
  /** What the bundle's adapter, if it has one, gives values for. */
  trainable?: Trainable;
}

import { z } from 'zod';
import { elementCount } from '../onnx/dim.ts';

/** The parameters of a policy that learn; the others are frozen. */
export const trainableSchema = z.discriminatedUnion('parameters', [
  z.strictObject({ parameters: z.literal('all') }),
  /** The action expert and the projections of state, actions and time. */
  z.strictObject({ parameters: z.literal('expert') }),
  /** Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) of the expert's dense layers. */
  z.strictObject({
    parameters: z.literal('lora'),
    rank: z.int().min(1),
    /** The adapter counts alpha / rank times; alpha is the rank if absent. */
    alpha: z.number().positive().optional(),
    /** Of the expert, counted from 0; all if absent. */
    layers: z.array(z.int().min(0)).nonempty().optional(),
  }),
]);

export type Trainable = z.infer<typeof trainableSchema>;

/** A tensor that learns. */
export interface Parameter {
  name: string;
  shape: number[];
}

/** Number of elements of all parameters. */
export const parameterCount = (parameters: readonly Parameter[]): number =>
  parameters.reduce((sum, { shape }) => sum + (elementCount(shape) as number), 0);

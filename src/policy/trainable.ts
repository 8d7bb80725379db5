import { z } from 'zod';
import { elementCount } from '../onnx/dim.ts';

/** The trainable parameters of a policy; all others are frozen. */
export const trainableSchema = z.discriminatedUnion('parameters', [
  z.strictObject({ parameters: z.literal('all') }),
  /** The action expert and the projections of state, actions and time. */
  z.strictObject({ parameters: z.literal('expert') }),
  /** Low-rank adapters (Hu et al. 2021, arXiv 2106.09685) of the expert's dense layers. */
  z.strictObject({
    parameters: z.literal('lora'),
    rank: z.int().min(1),
    /** The adapter is scaled by alpha / rank; alpha defaults to the rank. */
    alpha: z.number().positive().optional(),
    /** Layers of the expert, counted from 0; all if absent. */
    layers: z.array(z.int().min(0)).nonempty().optional(),
  }),
]);

export type Trainable = z.infer<typeof trainableSchema>;

/** A trainable tensor. */
export interface Parameter {
  name: string;
  shape: number[];
}

/** Number of elements of all parameters. */
export const parameterCount = (parameters: readonly Parameter[]): number =>
  parameters.reduce((sum, { shape }) => sum + (elementCount(shape) as number), 0);

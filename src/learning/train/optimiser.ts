import { Graph } from '../../onnx/graph.ts';
import {
  add,
  divide,
  minimum,
  multiply,
  power,
  reciprocal,
  reduceSum,
  squareRoot,
  subtract,
} from '../../onnx/operators.ts';
import { z } from 'zod';

/** AdamW and its schedule; the defaults are openpi's for π0 (facts of its training configuration). */
export const optimiserSchema = z.strictObject({
  /** Largest learning rate. */
  rate: z.number().positive().default(2.5e-5),
  /** Learning rate after the last step. */
  finalRate: z.number().nonnegative().default(2.5e-6),
  /** Steps over which the rate rises from 0. */
  warmUp: z.int().min(0).default(1000),
  /** Steps after which the cosine has fallen to `finalRate`. */
  steps: z.int().min(1).default(30_000),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.95),
  epsilon: z.number().positive().default(1e-8),
  weightDecay: z.number().nonnegative().default(1e-10),
  /** Largest norm of the gradient over all parameters. */
  clip: z.number().positive().default(1),
  /** Of the exponential moving average of the parameters; 0 is no average. */
  averageDecay: z.number().min(0).lt(1).default(0.99),
});

export type OptimiserConfig = z.infer<typeof optimiserSchema>;

/** AdamW without weight decay or average at a constant rate. */
export const constantRate = (
  { rate, maxGradientNorm }: { rate: number; maxGradientNorm: number },
  { beta1, beta2, epsilon }: Pick<OptimiserConfig, 'beta1' | 'beta2' | 'epsilon'>,
): OptimiserConfig =>
  optimiserSchema.parse({
    ...{ rate, finalRate: rate, warmUp: 0, beta1, beta2, epsilon },
    ...{ weightDecay: 0, clip: maxGradientNorm, averageDecay: 0 },
  });

/** Learning rate of a step, counted from 0: linear warm-up, then a cosine (Loshchilov and Hutter 2017). */
export function learningRate(step: number, config: OptimiserConfig): number {
  const { rate, finalRate, warmUp, steps } = config;
  if (step < warmUp) return (rate * (step + 1)) / (warmUp + 1);
  const progress = Math.min(1, (step - warmUp) / Math.max(1, steps - warmUp));
  return finalRate + (rate - finalRate) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

/** Names of what AdamW keeps of each parameter, in the order of its graph's inputs. */
export const STATE = ['parameters', 'first', 'second', 'average'] as const;

export type StateName = (typeof STATE)[number];

/**
 * One step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) on flat vectors [length], after
 * clipping the gradient's global norm. Inputs: those of STATE, gradient, rate, and the bias corrections
 * correction1 and correction2 (scalars). Outputs: next.NAME of each state, norm of the unclipped gradient.
 */
export function adamwGraph(length: number, config: OptimiserConfig): Graph {
  const { beta1, beta2, epsilon, weightDecay, clip, averageDecay } = config;
  const graph = new Graph('adamw');
  const vector = (name: string) => graph.input(name, 'float32', [length]);
  const [parameters, first, second, average] = STATE.map(vector);
  const raw = vector('gradient');
  const [rate, correction1, correction2] = ['rate', 'correction1', 'correction2'].map((name) =>
    graph.input(name, 'float32', []),
  );

  const norm = squareRoot(reduceSum(power(raw, 2), [0], false));
  const shrink = minimum(multiply(reciprocal(add(norm, 1e-6)), clip), 1);
  const gradient = multiply(raw, shrink);
  const nextFirst = add(multiply(first, beta1), multiply(gradient, 1 - beta1));
  const nextSecond = add(multiply(second, beta2), multiply(power(gradient, 2), 1 - beta2));
  const deviation = add(squareRoot(divide(nextSecond, correction2)), epsilon);
  const move = divide(divide(nextFirst, correction1), deviation);
  const decayed = weightDecay === 0 ? move : add(move, multiply(parameters, weightDecay));
  const next = subtract(parameters, multiply(decayed, rate));
  const nextAverage = add(multiply(average, averageDecay), multiply(next, 1 - averageDecay));

  const results = { parameters: next, first: nextFirst, second: nextSecond, average: nextAverage };
  for (const name of STATE) graph.output(`next.${name}`, results[name]);
  graph.output('norm', norm);
  return graph;
}

import type { Carried } from '../../src/policy/choice/carried.ts';
import type { Parameter } from '../../src/policy/trainable.ts';
import { elementCount } from '../../src/onnx/dim.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';

/** When a tiny policy's chunk of four rows takes over, of which two are executed. */
export const TURN = {
  ...{ elapsed: 7, delay: 1, from: 1, to: 3 },
  committed: Float32Array.of(0.3, -0.2, 0.1),
};

/** What a tiny policy observes. */
export const OBSERVED = {
  state: Float64Array.of(0.1, -0.4, 0.7),
  image: { width: 8, height: 8, pixels: new Uint8Array(8 * 8 * 3).fill(120) },
};

/** Networks of so many inputs with weights of a seed, whose outputs differ by much. */
export const carriedWith = (parameters: readonly Parameter[], inputs: number): Carried => ({
  parameters: new Map(
    parameters.map(({ name, shape }, i) => [
      name,
      { shape, data: gaussianNoise([9, i], elementCount(shape) as number) },
    ]),
  ),
  scale: {
    mean: gaussianNoise([8], inputs).map((value) => 0.1 * value),
    deviation: new Float32Array(inputs).fill(0.7),
  },
});

/** Inputs as they are standardised. */
export const standard = ({ scale }: Carried, inputs: readonly number[]): number[] =>
  inputs.map((value, i) => Math.max(-5, Math.min(5, (value - scale.mean[i]) / scale.deviation[i])));

/** What a hidden layer makes of its sums. */
export function activated(sums: readonly number[]): number[] {
  const mean = sums.reduce((sum, value) => sum + value, 0) / sums.length;
  const variance = sums.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sums.length;
  const normed = sums.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
  return normed.map((value) => value / (1 + Math.exp(-value)));
}

/** Deviations that a network's inputs cannot have: negative, not finite, and too small to divide by. */
export const FAULTY_DEVIATIONS = [-0.7, NaN, 1e-40];

/** The same networks with one deviation. */
export const withDeviation = (carried: Carried, deviation: number): Pick<Carried, 'scale'> => ({
  scale: {
    ...carried.scale,
    deviation: carried.scale.deviation.map((value, i) => (i === 1 ? deviation : value)),
  },
});

/** Parameters without the one of this name, with it of another shape, and with no numbers in it. */
export function faultyParameters({ parameters }: Carried, name: string): Carried['parameters'][] {
  const { shape, data } = parameters.get(name)!;
  const without = new Map([...parameters].filter(([one]) => one !== name));
  const other = new Map([...parameters, [name, { shape: [1, data.length, 1], data }] as const]);
  const broken = new Map([...parameters, [name, { shape, data: data.map(() => NaN) }] as const]);
  return [without, other, broken];
}

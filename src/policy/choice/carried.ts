import { formatShape, sameShape } from '../../onnx/dim.ts';
import { findNonFinite } from '../../tensors/finite.ts';
import { LEAST_DEVIATION, type Scale, isDeviation } from '../../tensors/scale.ts';
import type { Parameter } from '../trainable.ts';

/** Numbers with their shape. */
export interface Numbers {
  shape: readonly number[];
  data: Float32Array;
}

/** Networks beside a policy's own, which go with it. */
export interface Carried {
  /** By name. */
  parameters: ReadonlyMap<string, Numbers>;
  /** What their inputs are standardised by. */
  scale: Scale;
}

const SCALE = ['mean', 'deviation'] as const;

/** All numbers of carried networks, by name. */
export const numbersOf = ({ parameters, scale }: Carried): Map<string, Numbers> =>
  new Map([
    ...parameters,
    ...SCALE.map((name) => [name, { shape: [scale[name].length], data: scale[name] }] as const),
  ]);

/** The networks of the numbers of numbersOf; empty ones where any lack. */
export function carriedOf(numbers: ReadonlyMap<string, Numbers>): Carried {
  const [mean, deviation] = SCALE.map((name) => numbers.get(name)?.data ?? new Float32Array());
  const isScale = (name: string) => (SCALE as readonly string[]).includes(name);
  const parameters = new Map([...numbers].filter(([name]) => !isScale(name)));
  return { parameters, scale: { mean, deviation } };
}

/** What does not fit in networks of these parameters and so many inputs, one line each; `of` names them. */
export function carriedFaults(
  carried: Carried,
  parameters: readonly Parameter[],
  inputs: number,
  of: string,
): string[] {
  const expected = [...parameters, ...SCALE.map((name) => ({ name, shape: [inputs] }))];
  const numbers = numbersOf(carried);
  return expected.flatMap(({ name, shape }) => {
    const found = numbers.get(name);
    if (!found) return [`of ${of}, ${name} ${formatShape(shape)} is missing`];
    if (!sameShape(found.shape, shape))
      return [`of ${of}, ${name} is ${formatShape(found.shape)}, this policy needs ${formatShape(shape)}`]; // prettier-ignore
    if (findNonFinite({ dtype: 'F32', data: found.data }) >= 0)
      return [`of ${of}, ${name} has values that are not finite`];
    return name !== 'deviation' || found.data.every(isDeviation)
      ? []
      : [`of ${of}, ${name} has values that are no deviations; each is 0, or ${LEAST_DEVIATION} or more`]; // prettier-ignore
  });
}

import { UserError } from '../../errors.ts';
import type { Shape } from '../../onnx/dim.ts';
import type { Value } from '../../onnx/graph.ts';
import { add, cast, multiply } from '../../onnx/operators.ts';
import { linear, matmul } from '../../onnx/products.ts';
import type { Parameter, Trainable } from '../trainable.ts';
import type { WeightSource, Weights } from './network.ts';

/** The part of a policy that learns. */
export interface LearnedPart {
  /** As errors call it. */
  called: string;
  /** Matches the weights that stay frozen unless all learn. */
  frozen: RegExp;
  /** Matches the dense layers that low-rank adapters are added to; its first group is the layer's number. */
  dense: RegExp;
}

/** Names of the adapter's two factors, as PEFT has them: [rank, in] and [out, rank]. */
const factorNames = (weight: string) => {
  const layer = weight.replace(/\.weight$/, '');
  return { down: `${layer}.lora_A.weight`, up: `${layer}.lora_B.weight` };
};

/** How a weight takes part in learning. */
type Role = 'frozen' | 'learned' | 'adapted';

function roleOf(name: string, trainable: Trainable, { frozen, dense }: LearnedPart): Role {
  if (trainable.parameters === 'all') return 'learned';
  if (trainable.parameters === 'expert') return frozen.test(name) ? 'frozen' : 'learned';
  const layer = dense.exec(name)?.[1];
  if (layer === undefined) return 'frozen';
  return trainable.layers?.includes(Number(layer)) === false ? 'frozen' : 'adapted';
}

/** The two factors of a weight [out, in]. */
function factors(name: string, shape: Shape, rank: number): { down: Parameter; up: Parameter } {
  const [out, features] = shape as number[];
  const { down, up } = factorNames(name);
  return { down: { name: down, shape: [rank, features] }, up: { name: up, shape: [out, rank] } };
}

/** What learns of weights of these shapes, in a fixed order. Throws a `UserError` for a layer beyond the part's `depth`. */
export function trainableParameters(
  trainable: Trainable,
  part: LearnedPart,
  shapes: ReadonlyMap<string, Shape>,
  depth: number,
): Parameter[] {
  const layers = trainable.parameters === 'lora' ? trainable.layers : undefined;
  const beyond = layers?.find((layer) => layer >= depth);
  if (beyond !== undefined)
    throw new UserError(
      `${part.called} has no layer ${beyond} to adapt; its layers are 0 to ${depth - 1}`,
      { kind: 'invalid', fields: ['layers'] },
    );
  return [...shapes].flatMap(([name, shape]): Parameter[] => {
    const role = roleOf(name, trainable, part);
    if (role === 'learned') return [{ name, shape: shape as number[] }];
    if (role === 'frozen' || trainable.parameters !== 'lora') return [];
    const { down, up } = factors(name, shape, trainable.rank);
    return [down, up];
  });
}

/**
 * Where an adapter B·A of a weight W counts. `merged`: W + (alpha / rank)·B·A is made once for all the
 * products it takes part in. `beside`: x·Wᵀ + (alpha / rank)·(x·Aᵀ)·Bᵀ, whose gradient needs neither W's
 * own nor a second matrix of its size.
 */
export type AdapterForm = 'merged' | 'beside';

/** The weights of `frozen` with those that learn as inputs of the graph, named as they are. */
export function trainableWeights(
  frozen: WeightSource,
  trainable: Trainable,
  part: LearnedPart,
  form: AdapterForm = 'merged',
): WeightSource {
  return (graph) => {
    const base = frozen(graph);
    const known = new Map<string, Value>();
    const once = (name: string, make: () => Value) => {
      const value = known.get(name) ?? make();
      known.set(name, value);
      return value;
    };
    const parameter = ({ name, shape }: Parameter) =>
      once(name, () => graph.input(name, 'float32', shape));
    const scaled = (x: Value, { rank, alpha = rank }: Extract<Trainable, { rank: number }>) =>
      alpha === rank ? x : multiply(x, alpha / rank);

    const merged = (name: string, shape: Shape) => {
      if (trainable.parameters !== 'lora') return base(name, shape);
      const { down, up } = factors(name, shape, trainable.rank);
      const change = matmul(parameter(up), parameter(down));
      return add(cast(base(name, shape), 'float32'), scaled(change, trainable));
    };
    const beside: Weights['adapter'] = (name, shape, x) => {
      if (trainable.parameters !== 'lora' || roleOf(name, trainable, part) !== 'adapted')
        return undefined;
      const { down, up } = factors(name, shape, trainable.rank);
      return linear(scaled(linear(x, parameter(down)), trainable), parameter(up));
    };

    const build: Record<Role, Weights> = {
      frozen: base,
      learned: (name, shape) => parameter({ name, shape: shape as number[] }),
      adapted: form === 'merged' ? merged : base,
    };
    const weights = (name: string, shape: Shape) =>
      once(name, () => build[roleOf(name, trainable, part)](name, shape));
    const packed: Weights['packed'] = (name, shape) =>
      roleOf(name, trainable, part) === 'frozen' ? base.packed?.(name, shape) : undefined;
    return Object.assign(weights, { packed, ...(form === 'beside' && { adapter: beside }) });
  };
}

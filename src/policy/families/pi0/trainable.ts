import { UserError } from '../../../errors.ts';
import type { Shape } from '../../../onnx/dim.ts';
import type { Value } from '../../../onnx/graph.ts';
import { add, cast, multiply } from '../../../onnx/operators.ts';
import { linear, matmul } from '../../../onnx/products.ts';
import type { Parameter, Trainable } from '../../trainable.ts';
import type { Pi0Config } from './config.ts';
import { weightShapes } from './weights.ts';
import type { WeightSource, Weights } from '../../paligemma/network.ts';

const PREFIX_WEIGHT = /^paligemma_with_expert\.paligemma\./;
const EXPERT_DENSE =
  /^paligemma_with_expert\.gemma_expert\.model\.layers\.(\d+)\.(?:self_attn|mlp)\.\w+_proj\.weight$/;

/** Names of the adapter's two factors, as PEFT has them: [rank, in] and [out, rank]. */
const factorNames = (weight: string) => {
  const layer = weight.replace(/\.weight$/, '');
  return { down: `${layer}.lora_A.weight`, up: `${layer}.lora_B.weight` };
};

/** How a weight takes part in learning. */
type Role = 'frozen' | 'learned' | 'adapted';

function roleOf(name: string, trainable: Trainable): Role {
  if (trainable.parameters === 'all') return 'learned';
  if (trainable.parameters === 'expert') return PREFIX_WEIGHT.test(name) ? 'frozen' : 'learned';
  const layer = EXPERT_DENSE.exec(name)?.[1];
  if (layer === undefined) return 'frozen';
  return trainable.layers?.includes(Number(layer)) === false ? 'frozen' : 'adapted';
}

/** The two factors of a weight [out, in]. */
function factors(name: string, shape: Shape, rank: number): { down: Parameter; up: Parameter } {
  const [out, features] = shape as number[];
  const { down, up } = factorNames(name);
  return { down: { name: down, shape: [rank, features] }, up: { name: up, shape: [out, rank] } };
}

function checkLayers(trainable: Trainable, { expert }: Pi0Config): void {
  if (trainable.parameters !== 'lora') return;
  const beyond = trainable.layers?.find((layer) => layer >= expert.depth);
  if (beyond !== undefined)
    throw new UserError(
      `the expert has no layer ${beyond} to adapt; its layers are 0 to ${expert.depth - 1}`,
      { kind: 'invalid', fields: ['layers'] },
    );
}

/** What learns of a π0 of this configuration, in a fixed order. Throws a `UserError` for a layer that it has not. */
export function trainableParameters(trainable: Trainable, config: Pi0Config): Parameter[] {
  checkLayers(trainable, config);
  return [...weightShapes(config)].flatMap(([name, shape]): Parameter[] => {
    const role = roleOf(name, trainable);
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
      if (trainable.parameters !== 'lora' || roleOf(name, trainable) !== 'adapted')
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
      once(name, () => build[roleOf(name, trainable)](name, shape));
    const packed: Weights['packed'] = (name, shape) =>
      roleOf(name, trainable) === 'frozen' ? base.packed?.(name, shape) : undefined;
    return Object.assign(weights, { packed, ...(form === 'beside' && { adapter: beside }) });
  };
}

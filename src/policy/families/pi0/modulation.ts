import type { Value } from '../../../onnx/graph.ts';
import { concat, silu, split } from '../../../onnx/operators.ts';
import type { Pi0Config } from './config.ts';
import { preciseDense } from '../../paligemma/layers.ts';
import type { Modulation, Modulations } from '../../paligemma/norms.ts';
import { type Weights } from '../../paligemma/network.ts';

export const EXPERT = 'paligemma_with_expert.gemma_expert.model';

/** Scale, shift, gate, in the order in which a norm's dense layer gives them. */
const PARTS = 3;

/** The expert's norms, all of which are adaptive in π0.5. */
const normNames = ({ expert }: Pi0Config): string[] => [
  ...Array.from({ length: expert.depth }, (_, layer) =>
    ['input_layernorm', 'post_attention_layernorm'].map(
      (norm) => `${EXPERT}.layers.${layer}.${norm}`,
    ),
  ).flat(),
  `${EXPERT}.norm`,
];

/**
 * What π0.5 makes of embedded flow times [n, width] for all norms of the expert, one behind the other:
 * [n, norms·3·width]. It depends on the time alone, so a sampler needs it once for all of its steps.
 */
export function projectCondition(weights: Weights, embedded: Value, config: Pi0Config): Value {
  const { width } = config.expert;
  const hidden = silu(preciseDense(weights, 'time_mlp_in', embedded, width));
  const condition = silu(preciseDense(weights, 'time_mlp_out', hidden, width));
  const all = normNames(config).map((name) =>
    preciseDense(weights, `${name}.dense`, condition, PARTS * width),
  );
  return concat(all, 1);
}

/** `projectCondition`'s numbers, [..., norms·3·width], as each norm takes them. */
export function modulationsOf(projected: Value, config: Pi0Config): Modulations {
  const names = normNames(config);
  const sizes = new Array<number>(PARTS * names.length).fill(config.expert.width);
  const parts = split(projected, -1, sizes);
  return new Map(
    names.map((name, i): [string, Modulation] => {
      const [scale, shift, gate] = parts.slice(PARTS * i);
      return [name, { scale, shift, gate }];
    }),
  );
}

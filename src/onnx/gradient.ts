import { type Shape, elementCount, sameShape } from './dim.ts';
import { FLOATS } from './elementType.ts';
import { GRADIENT_RULES, zerosLike } from './gradientRules.ts';
import type { Node, Value } from './graph.ts';
import { add, expandLike } from './operators.ts';

/** Values that depend on any of `sources` through floating-point operations. */
function dependents(nodes: readonly Node[], sources: readonly Value[]): Set<Value> {
  const found = new Set<Value>(sources);
  for (const node of nodes) {
    if (!node.inputs.some((value) => value && found.has(value))) continue;
    for (const output of node.outputs) if (FLOATS.includes(output.type)) found.add(output);
  }
  return found;
}

/**
 * Gradients of a scalar `loss` by each of `sources`, as values of the same graph (reverse mode). Only
 * what lies between the two is built; forward values are used, not computed again. A source that the
 * loss does not depend on has a gradient of zeros. Throws for an operator that has no rule.
 */
export function gradients(loss: Value, sources: readonly Value[]): Value[] {
  const { graph } = loss;
  if (!sameShape(loss.shape, [] as Shape) && elementCount(loss.shape) !== 1) {
    graph.fail('gradients', `the loss must be one number, not [${loss.shape.join(', ')}]`);
  }
  const forward = [...graph.nodes];
  const relevant = dependents(forward, sources);
  const collected = new Map<Value, Value[]>([
    [loss, [expandLike(graph.constant(loss.type, [1], []), loss)]],
  ]);
  const total = new Map<Value, Value>();
  const gradientOf = (value: Value): Value => {
    const parts = collected.get(value) ?? [zerosLike(value)];
    const sum = total.get(value) ?? parts.reduce((a, b) => add(a, b));
    total.set(value, sum);
    return sum;
  };

  for (const node of forward.reverse()) {
    if (!node.outputs.some((output) => relevant.has(output) && collected.has(output))) continue;
    graph.scope(`gradient/${node.name}`, () => {
      const outputs = node.outputs.map(gradientOf);
      const rule = GRADIENT_RULES[node.op];
      if (!rule) graph.fail(node.op, 'this operator has no gradient');
      rule(node, outputs[0], outputs, relevant).forEach((build, i) => {
        const value = node.inputs[i];
        if (!build || !value || !relevant.has(value)) return;
        const parts = collected.get(value) ?? [];
        collected.set(value, [...parts, build()]);
      });
    });
  }
  return sources.map(gradientOf);
}

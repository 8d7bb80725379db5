import type { Dim } from '../src/onnx/dim.ts';
import type { Graph, Node } from '../src/onnx/graph.ts';

/** A dimension, such as `50*batch+1`, with its names bound to sizes. */
function sizeOf(dim: Dim, bound: Readonly<Record<string, number>>): number {
  const factor = (text: string) => bound[text] ?? Number(text);
  const product = (term: string) => term.split('*').reduce((n, text) => n * factor(text), 1);
  return String(dim)
    .split('+')
    .reduce((sum, term) => sum + product(term), 0);
}

/** The dimension over which a product sums. */
function innerDim({ op, inputs, attributes }: Node): Dim {
  const { transA } = attributes;
  const turned = op === 'Gemm' && transA && 'int' in transA && transA.int === 1;
  return inputs[0]!.shape.at(turned ? -2 : -1)!;
}

/**
 * Floating-point operations of a graph's matrix products, a multiplication and an addition each, with its
 * symbolic dimensions bound to sizes. Throws for a loop, whose trips are known at run time alone, and for a
 * dimension that is not bound.
 */
export function matrixOperations(graph: Graph, bound: Readonly<Record<string, number>>): number {
  let sum = 0;
  for (const node of graph.nodes) {
    if (node.op === 'Loop') throw new Error(`${node.name}: a loop's operations cannot be counted`);
    if (node.op !== 'MatMul' && node.op !== 'Gemm') continue;
    const sizes = [innerDim(node), ...node.outputs[0].shape].map((dim) => sizeOf(dim, bound));
    sum += sizes.reduce((product, size) => product * size, 2);
  }
  if (!Number.isFinite(sum)) throw new Error(`${graph.name}: a dimension is not bound to a size`);
  return sum;
}

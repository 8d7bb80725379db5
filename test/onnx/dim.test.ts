import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Dim,
  addDims,
  broadcastShapes,
  elementCount,
  multiplyDims,
} from '../../src/onnx/dim.ts';

const sizes = { batch: 3, text: 7, cameras: 2 };

function evaluate(dim: Dim): number {
  if (typeof dim === 'number') return dim;
  return dim
    .split('+')
    .map((term) =>
      term.split('*').reduce((product, factor) => {
        return product * (sizes[factor as keyof typeof sizes] ?? Number(factor));
      }, 1),
    )
    .reduce((a, b) => a + b);
}

const atom = fc.oneof(
  fc.integer({ min: 0, max: 9 }),
  fc.constantFrom<Dim>('batch', 'text', 'cameras'),
);
const expression = fc.oneof(
  atom,
  fc.tuple(atom, atom).map(([a, b]) => addDims(a, b)),
  fc.tuple(atom, atom).map(([a, b]) => multiplyDims(a, b)),
);

describe('symbolic dimensions', () => {
  it('add and multiply as their sizes do', () => {
    fc.assert(
      fc.property(expression, expression, (a, b) => {
        assert.equal(evaluate(addDims(a, b)), evaluate(a) + evaluate(b));
        assert.equal(evaluate(multiplyDims(a, b)), evaluate(a) * evaluate(b));
      }),
    );
  });

  it('have one spelling whatever the order of operations', () => {
    fc.assert(
      fc.property(expression, expression, expression, (a, b, c) => {
        assert.equal(addDims(a, addDims(b, c)), addDims(addDims(c, a), b));
        assert.equal(
          multiplyDims(a, addDims(b, c)),
          addDims(multiplyDims(c, a), multiplyDims(a, b)),
        );
      }),
    );
  });

  it('count the elements of a shape', () => {
    assert.equal(elementCount([2, 3, 4]), 24);
    assert.equal(elementCount(['batch', 'text', 8]), elementCount([8, 'text', 'batch']));
    assert.equal(elementCount([]), 1);
  });

  it('broadcast as NumPy does, a name agreeing with itself and with 1 only', () => {
    assert.deepEqual(broadcastShapes(['batch', 1, 4], [5, 4]), ['batch', 5, 4]);
    assert.equal(broadcastShapes(['batch', 4], [3, 4]), undefined);
    assert.equal(broadcastShapes([2], [3]), undefined);
  });
});

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { encodeModel, writeModel } from '../../src/onnx/modelFile.ts';
import {
  add,
  cast,
  concat,
  less,
  loop,
  loopWhile,
  multiply,
  reshape,
  transpose,
} from '../../src/onnx/operators.ts';
import { linear, matmul } from '../../src/onnx/products.ts';
import { ModelProto } from '../../src/onnx/schema.ts';
import { runGraph, withFolder } from './run.ts';

function twoInputs(a: (number | string)[], b: (number | string)[]): [Graph, Value, Value] {
  const graph = new Graph('velocity');
  return [graph, graph.input('a', 'float32', a), graph.input('b', 'float32', b)];
}

describe('a graph under construction', () => {
  it('names the caller’s node and both shapes when shapes do not fit', () => {
    const [graph, a, b] = twoInputs(['batch', 50, 48], [64, 32]);
    assert.throws(
      () => graph.scope('layers.3', () => graph.scope('q_proj', () => matmul(a, b))),
      /velocity: layers\.3\/q_proj\/MatMul: inner dimensions 48 and 64 differ: float32\[batch, 50, 48\] × float32\[64, 32\]/,
    );
  });

  it('refuses mixed element types', () => {
    const [, a, b] = twoInputs([4], [4]);
    assert.throws(
      () => add(a, cast(b, 'float64')),
      /Add: element types differ: float32\[4\] and float64\[4\]/,
    );
  });

  it('refuses shapes that would only sometimes broadcast', () => {
    const [, a, b] = twoInputs(['batch', 4], [3, 4]);
    assert.throws(() => multiply(a, b), /Mul: shapes do not broadcast/);
  });

  it('refuses a reshape that loses elements or cannot be told at run time', () => {
    const [, a] = twoInputs(['batch', 'text', 8], [1]);
    assert.throws(() => reshape(a, ['batch', 'text', 9]), /has not the elements/);
    assert.throws(() => reshape(transpose(a, [1, 0, 2]), ['batch', 'text', 8]), /at run time/);
  });

  it('stores equal constants once and gives every node its own name', () => {
    const [graph, a] = twoInputs([4], [1]);
    graph.output('y', add(add(a, 1), 1));
    assert.equal(graph.constants.length, 1);
    assert.equal(new Set(graph.nodes.map(({ name }) => name)).size, 2);
  });

  it('knows symbolic shapes of what it builds', () => {
    const [, a, b] = twoInputs(['batch', 'cameras', 16], ['batch', 'text', 16]);
    const images = reshape(a, ['batch', 'cameras', 16]);
    assert.deepEqual(concat([images, b], 1).shape, ['batch', 'cameras+text', 16]);
  });
});

describe('a model file', () => {
  it('uses operators of the standard domain alone', () => {
    const [graph, a, b] = twoInputs(['batch', 4], [2, 4]);
    graph.output('y', linear(a, b));
    const model = ModelProto.toObject(ModelProto.decode(encodeModel(graph)), { longs: Number });
    assert.deepEqual(model.opset_import, [{ domain: '', version: 20 }]);
    const nodes = (model.graph as { node: { domain?: string }[] }).node;
    assert.ok(nodes.every(({ domain }) => domain === undefined));
  });

  it('points into a weights file by offset, and ONNX Runtime reads them there', async () => {
    await withFolder(async (folder) => {
      const weights = new Float32Array([9, 9, 1, 2, 3, 4, 9]);
      await writeFile(join(folder, 'weights.bin'), new Uint8Array(weights.buffer));
      const graph = new Graph('model');
      const x = graph.input('x', 'float32', ['batch', 2]);
      const data = { location: 'weights.bin', offset: 8, bytes: 16 };
      graph.output('y', linear(x, graph.weight('w', 'float32', [2, 2], data)));
      await writeModel(graph, join(folder, 'model.onnx'));
      const session = await InferenceSession.create(join(folder, 'model.onnx'));
      const { y } = await session.run({ x: new Tensor('float32', [1, 10], [1, 2]) });
      await session.release();
      assert.deepEqual([...(y.data as Float32Array)], [21, 43]);
    });
  });

  it('loops while a condition holds, with a state that grows', async () => {
    const graph = new Graph('while');
    const most = graph.input('most', 'int64', []);
    const limit = graph.input('limit', 'float32', []);
    const one = graph.constant('float32', [1]);
    const [last, all] = loopWhile(
      { trips: most, begins: reshape(less(one, limit), []) },
      [one, one],
      { inside: [[1], ['known']], behind: [[1], ['all']] },
      (_, [x, known]) => {
        const next = multiply(x, 2);
        return {
          results: [next, concat([known, next], 0)],
          goesOn: reshape(less(next, limit), []),
        };
      },
    );
    graph.output('last', last);
    graph.output('all', all);
    const run = async (trips: bigint, value: number) => {
      const result = await runGraph(graph, {
        most: new Tensor('int64', BigInt64Array.of(trips), []),
        limit: new Tensor('float32', Float32Array.of(value), []),
      });
      assert.equal((result.last.data as Float32Array).length, 1);
      return [...(result.all.data as Float32Array)];
    };
    assert.deepEqual(await run(10n, 8), [1, 2, 4, 8], 'until the condition fails');
    assert.deepEqual(await run(2n, 8), [1, 2, 4], 'at most so often');
    assert.deepEqual(await run(10n, 1), [1], 'not at all, if it does not hold at first');
  });

  it('loops over a body that uses values from outside', async () => {
    const graph = new Graph('power');
    const factor = graph.input('factor', 'float32', [1]);
    const trips = graph.input('trips', 'int64', []);
    const [y] = loop(trips, [graph.constant('float32', [1])], (_, [x]) => [multiply(x, factor)]);
    graph.output('y', y);
    const result = await runGraph(graph, {
      factor: new Tensor('float32', [3], [1]),
      trips: new Tensor('int64', BigInt64Array.of(4n), []),
    });
    assert.equal(result.y.data[0], 81);
  });

  it('puts together what each iteration gives beside its state', async () => {
    const graph = new Graph('powers');
    const trips = graph.input('trips', 'int64', []);
    const one = graph.constant('float32', [1]);
    const step = (_: unknown, [x]: readonly Value[]) => [multiply(x, 3), x, multiply(x, 3)];
    const [last, before, behind] = loop(trips, [one], step, 'trips');
    assert.deepEqual(before.shape, ['trips', 1]);
    for (const [name, value] of Object.entries({ last, before, behind })) graph.output(name, value);
    const result = await runGraph(graph, { trips: new Tensor('int64', BigInt64Array.of(4n), []) });
    assert.deepEqual([...(result.last.data as Float32Array)], [81]);
    assert.deepEqual([...(result.before.data as Float32Array)], [1, 3, 9, 27]);
    assert.deepEqual([...(result.behind.data as Float32Array)], [3, 9, 27, 81]);
  });
});

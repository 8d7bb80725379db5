import assert from 'node:assert/strict';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { flowMatchingErrors, flowTime, sampleLosses } from '../../src/learning/flowMatching.ts';
import { gradients } from '../../src/onnx/gradient.ts';
import { Graph, type Value } from '../../src/onnx/graph.ts';
import { writeModel } from '../../src/onnx/modelFile.ts';
import { multiply, reduceSum } from '../../src/onnx/operators.ts';
import { readSafetensorsHeader } from '../../src/onnx/safetensors.ts';
import { openSession } from '../../src/onnx/session.ts';
import { encodeState } from '../../src/policy/pi0/expert.ts';
import { prefixInputs } from '../../src/policy/pi0/graphs.ts';
import type { Weights } from '../../src/policy/pi0/layers.ts';
import { encodePrefix } from '../../src/policy/pi0/prefix.ts';
import { externalWeights } from '../../src/policy/weights.ts';
import { withFolder } from '../onnx/run.ts';
import {
  GOLDEN,
  goldenConfig,
  goldenTensors,
  largestDifference,
  stackCameras,
} from '../policy/golden.ts';

const BATCH = 2;
const DIMS = 14;

describe('the flow-matching loss', () => {
  it('and its gradients by all expert weights agree with the reference', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'model.safetensors');
      await copyFile(join(GOLDEN, 'model.safetensors'), file);
      const config = await goldenConfig('config.json');
      const model = await goldenTensors('model.safetensors');
      const inputs = await goldenTensors('inputs.safetensors');
      const expected = await goldenTensors('expected.safetensors');

      const graph = new Graph('loss');
      const frozen = externalWeights(await readSafetensorsHeader(file), file, file)(graph);
      const learned = new Map<string, Value>();
      const weights: Weights = (name, shape) => {
        if (name.includes('paligemma.model')) return frozen(name, shape);
        const known = learned.get(name) ?? graph.input(name, 'float32', shape);
        learned.set(name, known);
        return known;
      };
      const prefix = encodePrefix(weights, prefixInputs(graph, config, 'floats'), config);
      const state = graph.input('state', 'float32', ['batch', config.stateDim]);
      const cache = encodeState(weights, state, prefix, config);
      const chunk = ['batch', config.horizon, config.actionDim];
      const sample = {
        actions: graph.input('actions', 'float32', chunk),
        noise: graph.input('noise', 'float32', chunk),
        time: graph.input('time', 'float32', ['batch']),
      };
      const errors = flowMatchingErrors(weights, sample, cache, config);
      const mask = graph.input('mask', 'float32', ['batch', config.horizon]);
      const total = reduceSum(sampleLosses(errors, mask, DIMS), [0], false);
      const loss = multiply(total, 1 / (BATCH * config.horizon));
      graph.output('errors', errors);
      graph.output('loss', loss);
      const names = [...learned.keys()];
      gradients(loss, [...learned.values()]).forEach((gradient, i) => {
        graph.output(`grad.${names[i]}`, gradient);
      });

      const path = join(folder, 'loss.onnx');
      await writeModel(graph, path);
      const session = await openSession(path);
      const cameras = [0, 1, 2];
      const result = await session.run({
        images: stackCameras(cameras.map((i) => inputs(`image.${i}`))),
        camera_mask: stackCameras(cameras.map((i) => inputs(`image_mask.${i}`))),
        tokens: inputs('lang_tokens'),
        token_mask: inputs('lang_masks'),
        state: inputs('state'),
        actions: inputs('actions'),
        noise: inputs('noise'),
        time: inputs('time'),
        mask: new Tensor('float32', new Float32Array(BATCH * config.horizon).fill(1), [
          BATCH,
          config.horizon,
        ]),
        ...Object.fromEntries(names.map((name) => [name, model(`model.${name}`)])),
      });
      await session.release();

      assert.ok(largestDifference(result.errors, expected('cfm_loss')) <= 1.5e-4);
      const mean = expected('cfm_loss_mean').data[0] as number;
      assert.ok(Math.abs((result.loss.data[0] as number) - mean) <= 5e-6);
      assert.ok(names.length > 30, 'every weight of the expert and the projections');
      for (const name of names) {
        const reference = expected(`grad.model.${name}`);
        const largest = (reference.data as Float32Array).reduce(
          (m, x) => Math.max(m, Math.abs(x)),
          0,
        );
        const difference = largestDifference(result[`grad.${name}`], reference);
        assert.ok(difference <= 3e-5 * largest, `${name}: off by ${difference} of ${largest}`);
      }
    }));

  it('draws times from Beta(1.5, 1), most of them near noise', () => {
    assert.equal(flowTime(0), 0.001);
    assert.equal(flowTime(1), 1);
    const times = Array.from({ length: 10_000 }, (_, i) => flowTime((i + 0.5) / 10_000));
    const mean = times.reduce((a, b) => a + b) / times.length;
    assert.ok(Math.abs(mean - (0.6 * 0.999 + 0.001)) < 1e-4);
  });
});

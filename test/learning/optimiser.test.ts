import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  STATE,
  adamwGraph,
  learningRate,
  optimiserSchema,
} from '../../src/learning/train/optimiser.ts';
import { initialState } from '../../src/learning/train/trainer.ts';
import { Tensor } from '../../src/session/session.ts';
import { runGraph } from '../onnx/run.ts';

/**
 * torch.optim.AdamW (2.13, float64) after torch.nn.utils.clip_grad_norm_ to 1: lr 0.01, betas 0.9 and
 * 0.95, eps 1e-8, weight decay 0.1, and 0.99·average + 0.01·parameters.
 */
const REFERENCE = [
  {
    gradient: [0.3, -0.2, 0.1, 0.05],
    norm: 0.3774917217635375,
    parameters: [0.4895000003333333, -1.2387500005, 1.9880000009999999, -0.009999998000000399],
    average: [0.4998950000033333, -1.249887500005, 1.9998800000099999, -9.999998000000399e-5],
  },
  {
    gradient: [3, -4, 12, 0],
    norm: 13,
    parameters: [0.479130024028403, -1.2276707820192272, 1.9779904086861666, -0.01677647352551042],
    average: [
      0.49968735024358396, -1.2496653328251421, 1.9996611040967613, -0.00026676471545510814,
    ],
  },
  {
    gradient: [0, 0.5, -0.5, 1e-4],
    norm: 0.7071067882576153,
    parameters: [0.47091450293745113, -1.2270638420911884, 1.973529790287119, -0.02208660071664896],
    average: [0.49939962177052266, -1.2494393179178027, 1.9993997909586647, -0.0004849630754670467],
  },
  {
    gradient: [-0.2, 0.1, 0, 0.3],
    norm: 0.37416573867739417,
    parameters: [
      0.4676103688321973, -1.2272690278683787, 1.9694961226528054, -0.028273946438789208,
    ],
    average: [0.4990817292411394, -1.2492176150173084, 1.999100754275606, -0.0007628529091002683],
  },
];

describe('AdamW', () => {
  it("takes PyTorch's steps, gradients clipped by their norm, parameters averaged", async () => {
    const config = optimiserSchema.parse({ rate: 0.01, weightDecay: 0.1 });
    const graph = adamwGraph(4, config);
    const vector = (values: ArrayLike<number>) =>
      new Tensor('float32', Float32Array.from(values), [4]);
    const scalar = (value: number) => new Tensor('float32', Float32Array.of(value), []);
    const { vectors } = initialState(Float32Array.of(0.5, -1.25, 2, 0));
    let state: Record<string, Tensor> = Object.fromEntries(
      STATE.map((name) => [name, vector(vectors[name])]),
    );
    for (const [i, { gradient, norm, parameters, average }] of REFERENCE.entries()) {
      const next = await runGraph(graph, {
        ...state,
        gradient: vector(gradient),
        rate: scalar(0.01),
        correction1: scalar(1 - 0.9 ** (i + 1)),
        correction2: scalar(1 - 0.95 ** (i + 1)),
      });
      state = Object.fromEntries(STATE.map((name) => [name, next[`next.${name}`]]));
      assert.ok(Math.abs((next.norm.data[0] as number) - norm) < 1e-6 * norm);
      parameters.forEach((value, j) =>
        assert.ok(Math.abs((state.parameters.data[j] as number) - value) < 1e-6),
      );
      average.forEach((value, j) =>
        assert.ok(Math.abs((state.average.data[j] as number) - value) < 1e-6),
      );
    }
  });
});

describe('the learning rate', () => {
  const config = optimiserSchema.parse({ rate: 1, finalRate: 0.1, warmUp: 9, steps: 109 });

  it('rises in equal steps while it warms up, to its largest', () => {
    assert.equal(learningRate(0, config), 0.1);
    assert.equal(learningRate(4, config), 0.5);
    assert.equal(learningRate(9, config), 1);
  });

  it('falls along a cosine to its last, and stays there', () => {
    assert.ok(Math.abs(learningRate(59, config) - 0.55) < 1e-12);
    assert.ok(Math.abs(learningRate(109, config) - 0.1) < 1e-12);
    assert.equal(learningRate(1000, config), learningRate(109, config));
  });
});

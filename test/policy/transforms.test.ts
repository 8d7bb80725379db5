import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { validate } from '../../src/validate.ts';
import { assertThrowsAbout } from '../refusals.ts';
import {
  angleToCommand,
  commandToAngle,
  openingToAngle,
} from '../../src/policy/vectors/alohaTransform.ts';
import {
  type TransformsConfig,
  makeTransforms,
  registerTransform,
  transformsSchema,
} from '../../src/policy/vectors/transforms.ts';

import type { TransformKind } from '../../src/policy/vectors/transform.ts';

const DIMS = { stateDim: 32, actionDim: 32 };
const JOINTS = 14;
const HORIZON = 3;

const near = (actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-6) => {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i] - value) <= tolerance, `[${i}] ${actual[i]} is not ${value}`);
  });
};

const config = (value: unknown): TransformsConfig => transformsSchema.parse(value);
const vector = (fill: (joint: number) => number) =>
  Array.from({ length: JOINTS }, (_, i) => fill(i));
const moments = (mean: number, std: number) => ({
  mean: vector((i) => mean + i / 10),
  std: vector((i) => std + i / 20),
});
const ALOHA = { type: 'aloha' };
const DELTA = { type: 'deltaActions', mask: [6, -1, 6, -1] };
const MEAN_STD = {
  type: 'meanStd',
  convention: 'openpi',
  state: moments(0.3, 0.5),
  actions: moments(-0.2, 0.1),
};
const QUANTILE = {
  type: 'quantile',
  state: { q01: vector(() => -2), q99: vector(() => 3) },
  actions: { q01: vector((i) => -1 - i), q99: vector(() => 1) },
};

const joints = fc
  .array(fc.double({ min: -1.5, max: 1.5, noNaN: true }), { minLength: JOINTS, maxLength: JOINTS })
  .map((values) => Float64Array.from(values));
const chunk = fc
  .array(fc.float({ min: -2, max: 2, noNaN: true }), {
    minLength: HORIZON * JOINTS,
    maxLength: HORIZON * JOINTS,
  })
  .map((values) => Float32Array.from(values));

describe("ALOHA's grippers", () => {
  const openings = [0, 0.25, 0.5, 0.75, 1];
  it("are measured as openpi's table has it", () => {
    near(
      openings.map((opening) => openingToAngle(opening)),
      [-1.079866, -0.513078, -0.140056, 0.223328, 0.945653],
    );
  });

  it('are commanded as openpi does', () => {
    near(
      openings.map((opening) => angleToCommand(opening)),
      [0.553378, 0.671732, 0.790087, 0.908441, 1.026795],
    );
  });

  it('are learned from commands as openpi does', () => {
    near(
      openings.map((opening) => commandToAngle(opening)),
      [-1.1689, -0.640825, -0.11275, 0.415325, 0.9434],
    );
  });
});

describe('transforms', () => {
  it('measure grippers as lerobot once did, where that is said', () => {
    const { state, actions, targets } = makeTransforms(
      config([{ ...ALOHA, convention: 'lerobot' }]),
      DIMS,
    );
    const angles = [-0.928013, -0.3705, -0.003582, 0.353855, 1.06436];
    const commands = [0.483501, 0.613691, 0.743881, 0.874071, 1.004261];
    [0, 0.25, 0.5, 0.75, 1].forEach((opening, i) => {
      const here = Float64Array.from(vector(() => opening));
      near([state(here)[6], state(here)[13]], [angles[i], angles[i]]);
      const sampled = new Float32Array(32).fill(opening);
      const played = actions(sampled, here);
      near([played[6], played[13]], [commands[i], commands[i]]);
      near(targets(played, here).subarray(0, JOINTS), [...sampled.subarray(0, JOINTS)]);
    });
  });

  it('flip shoulders and elbows, and convert grippers, of states and actions', () => {
    const { state, actions } = makeTransforms(config([ALOHA]), DIMS);
    const ones = Float64Array.from(vector(() => 1));
    const grip = (value: number) => [1, -1, -1, 1, 1, 1, value, 1, -1, -1, 1, 1, 1, value];
    near(state(ones), [...grip(0.945653), ...new Array<number>(18).fill(0)]);
    near(actions(new Float32Array(32).fill(1), ones), grip(1.026795));
  });

  it('add the state to relative joints, not to grippers', () => {
    const { actions } = makeTransforms(config([DELTA]), DIMS);
    const state = Float64Array.from(vector((i) => i));
    const expected = vector((i) => (i === 6 || i === 13 ? 0.5 : i + 0.5));
    near(actions(new Float32Array(64).fill(0.5), state), [...expected, ...expected]);
  });

  it('take the state of relative actions where the policy has it, after the ALOHA step', () => {
    const { actions } = makeTransforms(config([ALOHA, DELTA]), DIMS);
    const state = Float64Array.from(vector(() => 0.4));
    near(
      Array.from(actions(new Float32Array(32), state)).slice(0, 6),
      vector(() => 0.4).slice(0, 6),
    );
  });

  it("normalise by openpi's formula in both directions", () => {
    const { state, actions } = makeTransforms(config([MEAN_STD]), DIMS);
    const measured = Float64Array.from(vector(() => 1));
    near(
      state(measured).subarray(0, JOINTS),
      vector((i) => (1 - MEAN_STD.state.mean[i]) / (MEAN_STD.state.std[i] + 1e-6)),
    );
    near(
      actions(new Float32Array(32).fill(2), measured),
      vector((i) => 2 * (MEAN_STD.actions.std[i] + 1e-6) + MEAN_STD.actions.mean[i]),
    );
  });

  it("guard against a standard deviation of zero in openpi's and in lerobot's way", () => {
    const still = { mean: vector(() => 1), std: vector(() => 0) };
    const run = (convention: string) => {
      const { state, actions } = makeTransforms(
        config([{ type: 'meanStd', convention, state: still, actions: still }]),
        DIMS,
      );
      const measured = Float64Array.from(vector(() => 1 + 1e-8));
      const command = actions(new Float32Array(32).fill(1e6), measured)[0];
      return [state(measured)[0], command];
    };
    near(run('openpi'), [0.01, 2], 1e-5);
    near(run('lerobot'), [1, 1], 1e-5);
  });

  it('map quantiles to −1 and 1', () => {
    const { state, actions } = makeTransforms(config([QUANTILE]), DIMS);
    near(
      state(Float64Array.from(vector(() => -2))).subarray(0, JOINTS),
      vector(() => -1),
    );
    near(
      state(Float64Array.from(vector(() => 3))).subarray(0, JOINTS),
      vector(() => 1),
    );
    near(
      actions(new Float32Array(32), Float64Array.from(vector(() => 0))),
      vector((i) => -i / 2),
    );
  });

  it('lose nothing from actions to targets and back, in any combination', () => {
    const steps = fc.subarray([ALOHA, DELTA, MEAN_STD, QUANTILE]);
    fc.assert(
      fc.property(steps, joints, chunk, (steps, state, absolute) => {
        const { actions, targets } = makeTransforms(config(steps), DIMS);
        const learned = targets(absolute, state);
        assert.equal(learned.length, HORIZON * 32);
        near(actions(learned, state), Array.from(absolute), 1e-4);
      }),
    );
  });

  it('leave the measured state and the sampled actions as they are', () => {
    const transforms = makeTransforms(config([ALOHA, DELTA, MEAN_STD]), DIMS);
    const state = new Float64Array(JOINTS).fill(0.5);
    const sampled = new Float32Array(64).fill(0.5);
    transforms.state(state);
    transforms.actions(sampled, state);
    assert.ok(state.every((value) => value === 0.5));
    assert.ok(sampled.every((value) => value === 0.5));
  });

  it('only pad where the list is empty', () => {
    const { state, actions } = makeTransforms([], { stateDim: 4, actionDim: 3 });
    const measured = Float64Array.of(1, 2);
    near(state(measured), [1, 2, 0, 0]);
    near(actions(Float32Array.of(1, 2, 3, 4, 5, 6), measured), [1, 2, 4, 5]);
  });

  it('refuse a robot with another number of joints', () => {
    const { state } = makeTransforms(config([ALOHA]), DIMS);
    const joints = { kind: 'mismatch', fields: ['joints'] } as const;
    assertThrowsAbout(() => state(new Float64Array(7)), { ...joints, names: ['7 joints', JOINTS] });
    const small = makeTransforms([], { stateDim: 6, actionDim: 6 });
    const names = ['7 joints', 'at most 6'];
    assertThrowsAbout(() => small.state(new Float64Array(7)), { ...joints, names });
  });
});

describe("policy.json's transforms", () => {
  const refuses = (value: unknown, field: string, ...names: (string | number)[]) =>
    assertThrowsAbout(() => validate(transformsSchema, value, 'transforms'), {
      ...{ kind: 'invalid', subject: 'transforms', fields: [field], names },
    });

  it('refuse unknown steps and fields', () => {
    refuses([{ type: 'rotate' }], '[0].type');
    refuses([{ ...ALOHA, scale: 2 }], '[0].scale');
  });

  it('may be of a kind that another package registers', () => {
    const kind: TransformKind<{ type: string; factor: number }> = {
      type: 'scaled',
      schema: z.strictObject({ type: z.literal('scaled'), factor: z.number() }),
      sizes: () => ({ state: 2, actions: 2 }),
      create: ({ factor }) => ({
        encodeState: (state) => state.forEach((value, i) => (state[i] = value * factor)),
        encodeAction: (action) => action.forEach((value, i) => (action[i] = value * factor)),
        decodeAction: (action) => action.forEach((value, i) => (action[i] = value / factor)),
      }),
    };
    registerTransform(kind);
    assert.throws(() => registerTransform(kind), /scaled already/);
    const { state } = makeTransforms(config([{ type: 'scaled', factor: 10 }]), DIMS);
    near(state(new Float64Array([1, 2])).subarray(0, 2), [10, 20]);
    refuses([{ type: 'scaled', factor: 'ten' }], '[0].factor');
  });

  it('refuse statistics that do not fit each other or the robot', () => {
    refuses([{ ...MEAN_STD, state: { mean: [1, 2], std: [1] } }], '[0].state', 'mean', 'std');
    refuses([{ ...QUANTILE, state: { q01: [1], q99: [0] } }], '[0].state', 'q01', 'q99');
    refuses([ALOHA, { ...DELTA, mask: [6, -1] }], '[1]', 'actions of 7 numbers', 14);
  });
});

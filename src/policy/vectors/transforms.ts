import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { ALOHA_JOINTS, alohaTransform } from './alohaTransform.ts';
import { deltaActions, expandMask } from './deltaActions.ts';
import { meanStd, normalisationSchemas, quantile } from './normalisation.ts';
import type { Transform } from './transform.ts';

const transformSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('aloha'),
    /** Whose gripper constants the policy was trained with; openpi's if absent. */
    convention: z.enum(['openpi', 'lerobot']).optional(),
  }),
  z.strictObject({
    type: z.literal('deltaActions'),
    /** openpi's notation: [6, -1, 6, -1] is six relative joints and an absolute one, twice. */
    mask: z.array(z.int().refine((run) => run !== 0, 'a run of 0 joints')).nonempty(),
  }),
  ...normalisationSchemas,
]);

type TransformConfig = z.infer<typeof transformSchema>;

/** How many joints a step's vectors have. */
function jointsOf(config: TransformConfig): number[] {
  switch (config.type) {
    case 'aloha':
      return [ALOHA_JOINTS];
    case 'deltaActions':
      return [expandMask(config.mask).length];
    case 'meanStd':
      return [config.state.mean.length, config.actions.mean.length];
    case 'quantile':
      return [config.state.q01.length, config.actions.q01.length];
  }
}

/**
 * `transforms` of policy.json: the steps from the robot's state to the policy's, in order. Actions
 * pass them backwards. For π0 on ALOHA: aloha, then deltaActions if trained so, then meanStd.
 */
export const transformsSchema = z.array(transformSchema).superRefine((configs, context) => {
  const expected = configs.flatMap(jointsOf).at(0);
  configs.forEach((config, index) => {
    const wrong = jointsOf(config).find((joints) => joints !== expected);
    if (wrong !== undefined)
      context.addIssue({
        code: 'custom',
        path: [index],
        message: `is for ${wrong} joints, but the list begins with ${expected}`,
      });
  });
});

export type TransformsConfig = z.infer<typeof transformsSchema>;

function makeTransform(config: TransformConfig): Transform {
  switch (config.type) {
    case 'aloha':
      return alohaTransform(config.convention);
    case 'deltaActions':
      return deltaActions(expandMask(config.mask));
    case 'meanStd':
      return meanStd(config);
    case 'quantile':
      return quantile(config);
  }
}

/** Between the robot's vectors (rad, gripper openings) and the policy's (normalised, zero-padded). */
export interface PolicyTransforms {
  /** [joints] measured → [stateDim]. */
  state: (state: Float64Array) => Float32Array;
  /** [horizon, actionDim] sampled at `state` → [horizon, joints] absolute. */
  actions: (actions: Float32Array, state: Float64Array) => Float32Array;
  /** [horizon, joints] absolute → [horizon, actionDim], what the policy should have sampled at `state`. */
  targets: (actions: Float32Array, state: Float64Array) => Float32Array;
}

/** Copies the first numbers of each row; further ones of `to` stay zero. */
function mapRows(
  from: Float32Array,
  fromWidth: number,
  toWidth: number,
  change: (row: Float64Array) => void,
): Float32Array {
  const rows = from.length / fromWidth;
  const to = new Float32Array(rows * toWidth);
  const width = Math.min(fromWidth, toWidth);
  for (let i = 0; i < rows; i++) {
    const row = Float64Array.from(from.subarray(i * fromWidth, i * fromWidth + width));
    change(row);
    to.set(row, i * toWidth);
  }
  return to;
}

/** Composes a policy's transforms, and pads to its dimensions. */
export function makeTransforms(
  configs: TransformsConfig,
  { stateDim, actionDim }: { stateDim: number; actionDim: number },
): PolicyTransforms {
  const steps = configs.map(makeTransform);
  const joints = configs.flatMap(jointsOf).at(0);

  const checkJoints = (count: number) => {
    const most = Math.min(stateDim, actionDim);
    if (count > most || (joints !== undefined && count !== joints))
      throw new UserError(
        `the robot has ${count} joints, the policy ${joints ?? `at most ${most}`}; take a policy made for this robot`,
      );
  };

  /** The state as it enters each step, then as it leaves the last. */
  const stages = (state: Float64Array): Float64Array[] => {
    checkJoints(state.length);
    const stages = [state];
    for (const step of steps) {
      const next = stages[stages.length - 1].slice();
      step.encodeState(next);
      stages.push(next);
    }
    return stages;
  };

  return {
    state(state) {
      const padded = new Float32Array(stateDim);
      padded.set(stages(state)[steps.length]);
      return padded;
    },
    actions(actions, state) {
      const states = stages(state);
      return mapRows(actions, actionDim, state.length, (row) => {
        for (let i = steps.length - 1; i >= 0; i--) steps[i].decodeAction(row, states[i]);
      });
    },
    targets(actions, state) {
      const states = stages(state);
      return mapRows(actions, state.length, actionDim, (row) => {
        steps.forEach((step, i) => step.encodeAction(row, states[i]));
      });
    },
  };
}

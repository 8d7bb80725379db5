import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { chosen } from '../../validate.ts';
import { alohaStep } from './alohaTransform.ts';
import { deltaActionsStep } from './deltaActions.ts';
import { meanStdStep, quantileStep } from './normalisation.ts';
import type { TransformConfig, TransformKind } from './transform.ts';

/** The kinds of steps by the `type` that policy.json has. */
const KINDS = new Map<string, TransformKind>();

/** Makes a kind of step known. Throws where its `type` is taken. */
export function registerTransform<Config extends TransformConfig>(
  kind: TransformKind<Config>,
): void {
  if (KINDS.has(kind.type)) throw new Error(`There is a transform ${kind.type} already.`);
  KINDS.set(kind.type, kind);
}

for (const kind of [alohaStep, deltaActionsStep, meanStdStep, quantileStep])
  registerTransform<TransformConfig>(kind);

/** All kinds of steps, in the order in which they became known. */
export const transformKinds = (): TransformKind[] => [...KINDS.values()];

const kindOf = ({ type }: TransformConfig): TransformKind => KINDS.get(type)!;

const jointsOf = (config: TransformConfig): number[] => kindOf(config).joints(config);

/** Length of the robot's vectors, where a step has figures for them. */
export const vectorLength = (configs: TransformsConfig): number | undefined =>
  configs.flatMap(jointsOf).at(0);

/** What a step of no known kind is refused by. */
const unknownKind = () => z.looseObject({ type: z.enum([...KINDS.keys()]) });

const stepSchema = chosen<TransformConfig>(
  (given) => ('type' in given && KINDS.get(String(given.type))?.schema) || unknownKind(),
);

/**
 * `transforms` of policy.json: the steps from the robot's state to the policy's, in order. Actions
 * pass them backwards. For π0 on ALOHA: aloha, then deltaActions if trained so, then meanStd.
 */
export const transformsSchema = z.array(stepSchema).superRefine((configs, context) => {
  const expected = vectorLength(configs);
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

export type TransformsConfig = TransformConfig[];

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
  const steps = configs.map((config) => kindOf(config).create(config));
  const joints = vectorLength(configs);

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

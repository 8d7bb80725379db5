import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { chosen } from '../../validate.ts';
import { alohaStep } from './alohaTransform.ts';
import { actionMomentsStep } from './actionMoments.ts';
import { boundsStep } from './bounds.ts';
import { meanStdStep, quantileStep } from './normalisation.ts';
import { robosuiteGripperStep } from './robosuiteGripper.ts';
import { unitsStep } from './units.ts';
import { deltaActionsStep, expandMask, isDeltaActions } from './deltaActions.ts';
import type { TransformConfig, TransformKind, VectorSizes } from './transform.ts';

/** The kinds of steps by the `type` that policy.json has. */
const KINDS = new Map<string, TransformKind>();

/** Makes a kind of step known. Throws where its `type` is taken. */
export function registerTransform<Config extends TransformConfig>(
  kind: TransformKind<Config>,
): void {
  if (KINDS.has(kind.type)) throw new Error(`There is a transform ${kind.type} already.`);
  KINDS.set(kind.type, kind);
}

for (const kind of [
  unitsStep,
  alohaStep,
  deltaActionsStep,
  meanStdStep,
  quantileStep,
  boundsStep,
  actionMomentsStep,
  robosuiteGripperStep,
])
  registerTransform<TransformConfig>(kind);

/** All kinds of steps, in the order in which they became known. */
export const transformKinds = (): TransformKind[] => [...KINDS.values()];

const kindOf = ({ type }: TransformConfig): TransformKind => KINDS.get(type)!;

const sizesOf = (config: TransformConfig): VectorSizes => kindOf(config).sizes(config);

const VECTORS = ['state', 'actions'] as const;

/** Sizes of the robot's vectors: of each the first that a step has figures for. */
const statedSizes = (configs: TransformsConfig): VectorSizes =>
  Object.fromEntries(
    VECTORS.map((vector) => [vector, configs.map((one) => sizesOf(one)[vector]).find(Boolean)]),
  );

/**
 * Sizes of the robot's vectors, where a step has figures for them. A robot commands the joints that it measures, so
 * that one size stands for both, unless the steps say otherwise.
 */
export function vectorSizes(configs: TransformsConfig): Required<VectorSizes> | undefined {
  const { state, actions } = statedSizes(configs);
  const either = state ?? actions;
  return either === undefined ? undefined : { state: state ?? either, actions: actions ?? either };
}

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
  const expected = statedSizes(configs);
  configs.forEach((config, index) => {
    const sizes = sizesOf(config);
    for (const vector of VECTORS) {
      const [size, first] = [sizes[vector], expected[vector]];
      if (size !== undefined && size !== first)
        context.addIssue({
          code: 'custom',
          path: [index],
          message: `is for ${vector} of ${size} numbers, but the list begins with ${first}`,
        });
    }
    const relative = isDeltaActions(config) ? expandMask(config.mask).lastIndexOf(true) + 1 : 0;
    if (expected.state !== undefined && relative > expected.state)
      context.addIssue({
        code: 'custom',
        path: [index],
        message: `makes ${relative} numbers relative to a state of ${expected.state}`,
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
  /** Numbers of an absolute action, where a state has so many. */
  actionSize: (stateSize: number) => number;
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
  const sizes = vectorSizes(configs);
  const actionSize = (stateSize: number) => sizes?.actions ?? stateSize;

  const checkJoints = (count: number) => {
    const most = sizes ? stateDim : Math.min(stateDim, actionDim);
    if (count > most || (sizes && count !== sizes.state) || actionSize(count) > actionDim)
      throw new UserError(
        `the robot has ${count} joints, the policy ${sizes?.state ?? `at most ${most}`}; take a policy made for this robot`,
        { kind: 'mismatch', fields: ['joints'] },
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
      return mapRows(actions, actionDim, actionSize(state.length), (row) => {
        for (let i = steps.length - 1; i >= 0; i--) steps[i].decodeAction(row, states[i]);
      });
    },
    actionSize,
    targets(actions, state) {
      const states = stages(state);
      return mapRows(actions, actionSize(state.length), actionDim, (row) => {
        steps.forEach((step, i) => step.encodeAction(row, states[i]));
      });
    },
  };
}

import { UserError } from '../../errors.ts';
import type { Graph } from '../../onnx/graph.ts';
import { encodeModel } from '../../onnx/modelFile.ts';
import {
  type InferenceSession,
  type SessionConfig,
  Tensor,
  openModel,
} from '../../session/session.ts';
import { type Parameter, parameterCount } from '../../policy/trainable.ts';
import {
  type OptimiserConfig,
  STATE,
  type StateName,
  adamwGraph,
  learningRate,
} from './optimiser.ts';
import { tensorsIn } from './parameters.ts';

/** All that a training run carries from step to step. */
export interface TrainingState {
  /** Steps taken. */
  step: number;
  /** Flat vectors [parameters]. */
  vectors: Record<StateName, Float32Array>;
}

/** The figures of one step. */
export interface StepReport {
  /** Steps taken, this one included. */
  step: number;
  loss: number;
  /** Of the gradient over all parameters, before clipping. */
  norm: number;
  rate: number;
}

/** Where a run begins: its parameters, and nothing of AdamW yet. */
export function initialState(parameters: Float32Array): TrainingState {
  const zeros = () => new Float32Array(parameters.length);
  return {
    step: 0,
    vectors: { parameters, first: zeros(), second: zeros(), average: parameters.slice() },
  };
}

/** What is computed at once of a batch that is larger than memory holds. */
export interface BatchPart {
  /** Of the batch; those of its parts make 1. */
  share: number;
  /** The loss graph's inputs, asked for when their turn comes. */
  feeds: () => Record<string, Tensor>;
}

/** Takes optimiser steps on a loss graph's gradients, all in ONNX Runtime. */
export interface Trainer {
  /** The last good state: its vectors change with the next step. */
  readonly state: TrainingState;
  /**
   * One step on a batch. Throws a `UserError` that names the step where loss or gradient is not finite;
   * the state is then still the one before.
   */
  step(batch: Record<string, Tensor>): Promise<StepReport>;
  /**
   * One step on a batch in parts, along the mean of their gradients. `apply` sees the loss graph's outputs of
   * each before the parameters move: where it says no they stay, and the result is undefined.
   */
  stepIf(
    parts: readonly BatchPart[],
    apply: (outputs: readonly Record<string, Tensor>[]) => boolean,
  ): Promise<StepReport | undefined>;
  /** Takes back all but `share` (0 to 1) of the way that the last step went; AdamW's averages stay. */
  shorten(share: number): void;
  close(): Promise<void>;
}

/** The two halves between which steps go back and forth: a step reads one and writes the other. */
interface Half {
  state: TrainingState;
  /** The parameters as the loss graph's inputs. */
  weights: Record<string, Tensor>;
  /** As the optimiser's inputs, and its outputs where the other half is read. */
  inputs: Record<string, Tensor>;
  outputs: Record<string, Tensor>;
}

function half(state: TrainingState, parameters: readonly Parameter[]): Half {
  const tensor = (name: StateName) =>
    new Tensor('float32', state.vectors[name], [state.vectors[name].length]);
  const named = (prefix: string) =>
    Object.fromEntries(STATE.map((name) => [prefix + name, tensor(name)]));
  return {
    state,
    weights: Object.fromEntries(tensorsIn(state.vectors.parameters, parameters)),
    inputs: named(''),
    outputs: named('next.'),
  };
}

const scalar = (value: number) => new Tensor('float32', Float32Array.of(value), []);

/** An open trainer. */
interface Training {
  differentiate: InferenceSession;
  update: InferenceSession;
  optimiser: OptimiserConfig;
  /** The weights that do not learn. */
  frozen: Record<string, Tensor>;
  /** [parameters] of the batch. */
  gradient: Float32Array;
  /** `gradient.NAME`: views into `gradient`, which the loss graph fills. */
  gradients: Record<string, Tensor>;
  /** The loss graph's other outputs, which ONNX Runtime allocates. */
  others: Record<string, null>;
  /** [parameters] for batches in several parts. */
  sum?: Float32Array;
  now: Half;
  other: Half;
}

function stop(step: number, what: string, value: number): never {
  throw new UserError(
    `step ${step}: the ${what} is ${value}; training stopped before it was applied. Take a smaller learning rate, or look for broken episodes`,
    { kind: 'unready', fields: [what] },
  );
}

/** Computes the gradient of a batch in place; returns its loss and the loss graph's outputs for each part. */
async function differentiateParts(training: Training, parts: readonly BatchPart[]) {
  const { differentiate, frozen, now, gradient, gradients, others } = training;
  const { length } = gradient;
  const outputs: Record<string, Tensor>[] = [];
  const total = parts.length > 1 ? (training.sum ??= new Float32Array(length)).fill(0) : undefined;
  let loss = 0;
  for (const { share, feeds } of parts) {
    const result = await differentiate.run(
      { ...frozen, ...now.weights, ...feeds() },
      { ...others, ...gradients },
    );
    loss += share * (result.loss.data as Float32Array)[0];
    if (total) for (let i = 0; i < length; i++) total[i] += share * gradient[i];
    outputs.push(result);
  }
  if (total) gradient.set(total);
  return { loss, outputs };
}

/** Applies AdamW to the gradient, from one half to the other; returns the gradient's norm. */
async function applyGradient(training: Training, step: number, rate: number): Promise<number> {
  const { update, optimiser, gradient, now, other } = training;
  const updated = await update.run(
    {
      ...now.inputs,
      gradient: new Tensor('float32', gradient, [gradient.length]),
      rate: scalar(rate),
      correction1: scalar(1 - optimiser.beta1 ** step),
      correction2: scalar(1 - optimiser.beta2 ** step),
    },
    { ...other.outputs, norm: null },
  );
  const norm = (updated.norm.data as Float32Array)[0];
  if (!Number.isFinite(norm)) stop(step, "gradient's norm", norm);
  other.state.step = step;
  training.now = other;
  training.other = now;
  return norm;
}

const stepOn =
  (training: Training): Trainer['stepIf'] =>
  async (parts, apply) => {
    const step = training.now.state.step + 1;
    const { loss, outputs } = await differentiateParts(training, parts);
    if (!Number.isFinite(loss)) stop(step, 'loss', loss);
    if (!apply(outputs)) return undefined;
    const rate = learningRate(step - 1, training.optimiser);
    const norm = await applyGradient(training, step, rate);
    return { step, loss, norm, rate };
  };

function shorten({ now, other }: Training, share: number): void {
  const before = other.state.vectors.parameters;
  const after = now.state.vectors.parameters;
  for (let i = 0; i < after.length; i++) after[i] = before[i] + share * (after[i] - before[i]);
}

/**
 * Opens a loss graph (outputs `loss` and `gradient.NAME`) and AdamW for `parameters`. `frozen` are the
 * graph's weights that do not learn.
 */
export async function openTrainer(
  graph: Graph,
  parameters: readonly Parameter[],
  start: TrainingState,
  optimiser: OptimiserConfig,
  session: SessionConfig,
  frozen: Record<string, Tensor> = {},
): Promise<Trainer> {
  const count = parameterCount(parameters);
  const gradient = new Float32Array(count);
  const gradients = Object.fromEntries(
    [...tensorsIn(gradient, parameters)].map(([name, view]) => [`gradient.${name}`, view]),
  );
  const training: Training = {
    differentiate: await openModel(encodeModel(graph), session),
    update: await openModel(encodeModel(adamwGraph(count, optimiser)), session),
    optimiser,
    frozen,
    gradient,
    gradients,
    others: Object.fromEntries(
      graph.outputs.flatMap(({ name }) => (name in gradients ? [] : [[name, null]])),
    ),
    now: half(start, parameters),
    other: half(initialState(new Float32Array(count)), parameters),
  };
  const stepIf = stepOn(training);
  return {
    get state() {
      return training.now.state;
    },
    stepIf,
    step: async (batch) => (await stepIf([{ share: 1, feeds: () => batch }], () => true))!,
    shorten: (share) => shorten(training, share),
    async close() {
      await training.differentiate.release();
      await training.update.release();
    },
  };
}

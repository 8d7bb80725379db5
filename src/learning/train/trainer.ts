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

/** What one step tells. */
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
  const differentiate: InferenceSession = await openModel(encodeModel(graph), session);
  const update: InferenceSession = await openModel(
    encodeModel(adamwGraph(count, optimiser)),
    session,
  );
  const gradient = new Float32Array(count);
  const gradients = Object.fromEntries(
    [...tensorsIn(gradient, parameters)].map(([name, view]) => [`gradient.${name}`, view]),
  );
  /** Of a batch's parts, where it has several. */
  let sum: Float32Array | undefined;
  const flatGradient = new Tensor('float32', gradient, [count]);
  let now = half(start, parameters);
  let other = half(initialState(new Float32Array(count)), parameters);

  const stop = (step: number, what: string, value: number): never => {
    throw new UserError(
      `step ${step}: the ${what} is ${value}; training stopped before it was applied. Take a smaller learning rate, or look for broken episodes`,
    );
  };

  const told = Object.fromEntries(
    graph.outputs.flatMap(({ name }) => (name in gradients ? [] : [[name, null]])),
  );

  /** The gradient of a batch in its place; gives its loss and what the graph told of each part. */
  const differentiateAll = async (parts: readonly BatchPart[]) => {
    const outputs: Record<string, Tensor>[] = [];
    const total = parts.length > 1 ? (sum ??= new Float32Array(count)).fill(0) : undefined;
    let loss = 0;
    for (const { share, feeds } of parts) {
      const result = await differentiate.run(
        { ...frozen, ...now.weights, ...feeds() },
        { ...told, ...gradients },
      );
      loss += share * (result.loss.data as Float32Array)[0];
      if (total) for (let i = 0; i < count; i++) total[i] += share * gradient[i];
      outputs.push(result);
    }
    if (total) gradient.set(total);
    return { loss, outputs };
  };

  const stepIf: Trainer['stepIf'] = async (parts, apply) => {
    const { step } = now.state;
    const { loss, outputs } = await differentiateAll(parts);
    if (!Number.isFinite(loss)) stop(step + 1, 'loss', loss);
    if (!apply(outputs)) return undefined;

    const rate = learningRate(step, optimiser);
    const updated = await update.run(
      {
        ...now.inputs,
        gradient: flatGradient,
        rate: scalar(rate),
        correction1: scalar(1 - optimiser.beta1 ** (step + 1)),
        correction2: scalar(1 - optimiser.beta2 ** (step + 1)),
      },
      { ...other.outputs, norm: null },
    );
    const norm = (updated.norm.data as Float32Array)[0];
    if (!Number.isFinite(norm)) stop(step + 1, "gradient's norm", norm);
    other.state.step = step + 1;
    [now, other] = [other, now];
    return { step: step + 1, loss, norm, rate };
  };

  return {
    get state() {
      return now.state;
    },
    stepIf,
    step: async (batch) => (await stepIf([{ share: 1, feeds: () => batch }], () => true))!,
    shorten(share) {
      const before = other.state.vectors.parameters;
      const after = now.state.vectors.parameters;
      for (let i = 0; i < count; i++) after[i] = before[i] + share * (after[i] - before[i]);
    },
    async close() {
      await differentiate.release();
      await update.release();
    },
  };
}

import { UserError } from '../../errors.ts';
import { Tensor } from '../../session/session.ts';
import { gaussianNoise, uniformNumbers } from '../../tensors/noise.ts';
import { type Learnable, type Tokenize, padTokens } from '../../policy/learnable.ts';
import type { PolicyTransforms } from '../../policy/vectors/transforms.ts';
import type { Demonstration } from '../imitation/demonstrations.ts';
import { flowTime } from '../imitation/flowMatching.ts';
import { observationOrder } from '../imitation/observationOrder.ts';
import { STREAM } from './streams.ts';

/** Of a batch's images. */
const MOST_BYTES = 2e9;

export interface BatchOptions {
  policy: Learnable;
  transforms: PolicyTransforms;
  tokenize: Tokenize;
  /** Observations of a batch. */
  batch: number;
  /** Flow samples of each. */
  samples: number;
  /** Rows, at most, of which each sample keeps some clean; 0 if the policy is not to go on from any. */
  maxDelay?: number;
  /** So many of the observations are ones of an episode's start; 0…1. */
  startShare?: number;
  /** So many of the observations have the mean in the place of the state; 0…1. */
  stateDropout?: number;
  seed: number;
}

/** Batches of demonstrations for the flow-matching graph: a step's is the same whenever it is asked for. */
export interface Batches {
  /** Longest prompt, tokens. */
  text: number;
  /** Whether a prompt is shorter than that. */
  padded: boolean;
  of(step: number): Record<string, Tensor>;
}

/** What the policy sees and should do, in its own numbers, once for all steps. */
function prepare(demonstrations: readonly Demonstration[], options: BatchOptions) {
  const { transforms, tokenize, policy } = options;
  return demonstrations.map(({ images, state, actions, steps, prompt }) => {
    const normalised = transforms.state(state);
    return {
      images,
      tokens: tokenize(prompt, normalised.subarray(0, state.length)).tokens,
      state: normalised,
      actions: transforms.targets(actions, state),
      mask: new Float32Array(policy.horizon).fill(1, 0, steps),
    };
  });
}

/** [samples, horizon] 1 for the first rows of each sample, 0 to `most` of them alike (arXiv 2512.05964). */
function keptRows(
  samples: number,
  horizon: number,
  most: number,
  draw: () => number,
): Float32Array {
  const kept = new Float32Array(samples * horizon);
  for (let i = 0; i < samples; i++) {
    const rows = Math.floor(draw() * (most + 1));
    kept.fill(1, i * horizon, i * horizon + rows);
  }
  return kept;
}

/** Bytes of an observation's images. Throws a `UserError` for a batch that is too large. */
export function checkImageBytes(batch: number, cameras: number, side: number): number {
  const bytes = cameras * side ** 2 * 3;
  if (batch * bytes > MOST_BYTES)
    throw new UserError(
      `--batch ${batch}: its images would take ${((batch * bytes) / 1e9).toFixed(1)} GB; give at most ${Math.floor(MOST_BYTES / bytes)}`,
      { kind: 'invalid', subject: '--batch' },
    );
  return bytes;
}

export function createBatches(
  demonstrations: readonly Demonstration[],
  cameras: number,
  options: BatchOptions,
): Batches {
  const { policy, batch, samples, maxDelay = 0, stateDropout = 0, seed } = options;
  const { horizon, actionDim, stateDim, imageSize: side } = policy;
  const prepared = prepare(demonstrations, options);
  const text = prepared.reduce((most, { tokens }) => Math.max(most, tokens.length), 0);
  const imageBytes = checkImageBytes(batch, cameras, side);
  const at = observationOrder(demonstrations, options);

  return {
    text,
    padded: prepared.some(({ tokens }) => tokens.length < text),
    of(step) {
      const images = new Uint8Array(batch * imageBytes);
      const tokens = new BigInt64Array(batch * text);
      const tokenMask = new Uint8Array(batch * text);
      const state = new Float32Array(batch * stateDim);
      const actions = new Float32Array(batch * horizon * actionDim);
      const mask = new Float32Array(batch * horizon);
      const hides = uniformNumbers([seed, STREAM.hidden, step]);
      for (let i = 0; i < batch; i++) {
        const one = prepared[at(step * batch + i)];
        const padded = padTokens(one.tokens, text);
        images.set(one.images, i * imageBytes);
        tokens.set(padded.tokens, i * text);
        tokenMask.set(padded.mask, i * text);
        // Normalised, the mean is 0.
        if (hides() >= stateDropout) state.set(one.state, i * stateDim);
        actions.set(one.actions, i * horizon * actionDim);
        mask.set(one.mask, i * horizon);
      }
      const rows = batch * samples;
      const draw = uniformNumbers([seed, STREAM.time, step]);
      const time = Float32Array.from({ length: rows }, () => flowTime(draw()));
      const noise = gaussianNoise([seed, STREAM.noise, step], rows * horizon * actionDim);
      return {
        images: new Tensor('uint8', images, [batch, cameras, side, side, 3]),
        camera_mask: new Tensor('bool', new Uint8Array(batch * cameras).fill(1), [batch, cameras]),
        tokens: new Tensor('int64', tokens, [batch, text]),
        token_mask: new Tensor('bool', tokenMask, [batch, text]),
        ...(policy.hasState && { state: new Tensor('float32', state, [batch, stateDim]) }),
        actions: new Tensor('float32', actions, [batch, horizon, actionDim]),
        mask: new Tensor('float32', mask, [batch, horizon]),
        noise: new Tensor('float32', noise, [rows, horizon, actionDim]),
        time: new Tensor('float32', time, [rows]),
        ...(maxDelay > 0 && {
          kept: new Tensor(
            'float32',
            keptRows(rows, horizon, maxDelay, uniformNumbers([seed, STREAM.delay, step])),
            [rows, horizon],
          ),
        }),
      };
    },
  };
}

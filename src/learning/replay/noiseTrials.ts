import { gaussianNoise } from '../../tensors/noise.ts';
import { featuresOf } from '../../policy/choice/moment.ts';
import type { RolloutChunk } from '../attempts/rollout.ts';
import type { SteerConfig } from './config.ts';
import type { NoiseTrial } from './steeringLearner.ts';

/** What tries noise in states, and judges what comes of it. */
export interface TrialSource {
  /** The row that is said in each state, with what is added before it is bounded. */
  rows(
    this: void,
    features: readonly Float32Array[],
    explored: readonly Float32Array[],
  ): Promise<Float32Array[]>;
  /** [horizon, actionDim] what the policy makes of each chunk's noise. */
  centres(this: void, chunks: readonly RolloutChunk[]): Promise<Float32Array[]>;
  /** What each chunk is worth, in expected reward. */
  estimates(this: void, chunks: readonly RolloutChunk[]): Promise<number[]>;
}

/** Noise whose rows are all alike. */
function repeated(row: Float32Array, length: number): Float32Array {
  const noise = new Float32Array(length);
  for (let at = 0; at < length; at += row.length) noise.set(row, at);
  return noise;
}

/** Noise that was tried in a state: `said` by the network, and the others. */
export interface StateTrials {
  said: NoiseTrial;
  others: NoiseTrial[];
}

/**
 * Tries noise in the states of kept chunks: zero, what the network says, rows around that, as attempts explore, and as
 * many from all that the bound allows. What a row gains is by how much the chunk that the policy makes of it is worth more
 * than that of zero noise. Rows count where those of the kept chunk were executed.
 */
export async function tryNoise(
  kept: readonly RolloutChunk[],
  { noises, bound, spread }: Pick<SteerConfig, 'noises' | 'bound' | 'spread'>,
  { rows, centres, estimates }: TrialSource,
  seed: readonly number[],
): Promise<StateTrials[]> {
  if (kept.length === 0) return [];
  const dims = kept[0].committed.length;
  const features = kept.map((chunk) => featuresOf(chunk));
  const drawn = (i: number, k: number) => gaussianNoise([...seed, i, k], dims);
  const near = Math.ceil(noises / 2);
  const steered = await rows(
    features.flatMap((one) => new Array<Float32Array>(1 + near).fill(one)),
    kept.flatMap((_, i) =>
      Array.from({ length: 1 + near }, (_, k) =>
        k === 0 ? new Float32Array(dims) : drawn(i, k).map((value) => spread * value),
      ),
    ),
  );
  const tried = kept.map((_, i) => [
    ...steered.slice(i * (1 + near), (i + 1) * (1 + near)),
    new Float32Array(dims),
    ...Array.from({ length: noises - near }, (_, k) =>
      drawn(i, near + 1 + k).map((value) => bound * Math.tanh(value)),
    ),
  ]);
  const chunks = kept.flatMap((chunk, i) =>
    tried[i].map((row) => ({ ...chunk, noise: repeated(row, chunk.noise.length) })),
  );
  const made = await centres(chunks);
  const worth = await estimates(chunks.map((chunk, i) => ({ ...chunk, actions: made[i] })));
  return tried.map((own, i) => {
    const at = i * own.length;
    const zero = worth[at + 1 + near];
    const [said, ...others] = own.map((row, k) => ({ features: features[i], row, gain: worth[at + k] - zero })); // prettier-ignore
    return { said, others };
  });
}

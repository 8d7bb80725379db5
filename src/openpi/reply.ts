import type { Chunk } from '../policy/chunkPolicy.ts';
import type { PolicyMetadata } from './metadata.ts';
import { type NdArray, float32Array } from './ndarray.ts';
import type { Ending } from './request.ts';
import type { Wire } from './wire.ts';

/** What is said beside a chunk. */
export interface Beside {
  /** Whether its features are. */
  features: boolean;
  /** Milliseconds, from the observation to the chunk. */
  infer: number;
  /** Milliseconds of the request before, from its arrival to when its reply was sent. */
  previousTotal?: number;
}

/** [horizon, width] the first numbers of each row. */
function actionsOf({ actions, horizon }: Chunk, width: number): NdArray {
  const joints = actions.length / horizon;
  if (joints === width) return float32Array(actions, [horizon, width]);
  const cut = new Float32Array(horizon * width);
  for (let row = 0; row < horizon; row++)
    cut.set(actions.subarray(row * joints, row * joints + width), row * width);
  return float32Array(cut, [horizon, width]);
}

/** What is answered to the end of an attempt. */
export const endedReply = ({ outcome }: Ending, episode: string): Wire => ({
  nalu: { outcome, episode },
});

/** A chunk as openpi's server answers. */
export const replyOf = (
  chunk: Chunk,
  { actions }: PolicyMetadata,
  { infer, previousTotal, features }: Beside,
): Wire => ({
  actions: actionsOf(chunk, actions),
  policy_timing: { infer_ms: chunk.timing.run },
  server_timing: {
    infer_ms: infer,
    ...(previousTotal !== undefined && { prev_total_ms: previousTotal }),
  },
  nalu: {
    version: chunk.policyVersion,
    ...(features &&
      chunk.features && { features: float32Array(chunk.features, [chunk.features.length]) }),
    ...(chunk.joined && {
      join: chunk.joined.kind,
      joinWeights: float32Array(chunk.joined.weights, [chunk.horizon]),
    }),
  },
});

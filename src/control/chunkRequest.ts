import type { Chunk, ChunkPolicy, Join, NoiseSource, Observation } from '../policy/chunkPolicy.ts';
import type { Clock } from '../robot/robot.ts';

/** A chunk requested from a policy. */
export interface ChunkRequest {
  index: number;
  /** Control step of its observation. */
  origin: number;
  observation: Observation;
  /** Robot's clock, ns. */
  requested: bigint;
  /** Resolves when `answer` is set. */
  settled: Promise<void>;
  answer?: { chunk: Chunk; arrived: bigint } | { error: unknown };
}

/** Requests a chunk without waiting for it. */
export function requestChunk(
  policy: ChunkPolicy,
  clock: Clock,
  asked: Pick<ChunkRequest, 'index' | 'origin' | 'observation'>,
  noise: NoiseSource,
  join?: Join,
): ChunkRequest {
  const request: ChunkRequest = { ...asked, requested: clock.now(), settled: Promise.resolve() };
  const sample = async () => {
    try {
      const chunk = await policy.sample(asked.observation, noise, join);
      request.answer = { chunk, arrived: clock.now() };
    } catch (error) {
      request.answer = { error };
    }
  };
  request.settled = sample();
  return request;
}

import type { Chunk, ChunkPolicy, Join, NoiseSource, Observation } from '../policy/chunkPolicy.ts';
import type { Clock } from '../robot/robot.ts';

/** A chunk that a policy has been asked for. */
export interface ChunkRequest {
  index: number;
  /** Control step of its observation. */
  origin: number;
  observation: Observation;
  /** Robot's clock, ns. */
  requested: bigint;
  /** Resolves when there is an answer. */
  settled: Promise<void>;
  answer?: { chunk: Chunk; arrived: bigint } | { error: unknown };
}

/** Asks for a chunk, and waits for nothing. */
export function requestChunk(
  policy: ChunkPolicy,
  clock: Clock,
  asked: Pick<ChunkRequest, 'index' | 'origin' | 'observation'>,
  noise: NoiseSource,
  join?: Join,
): ChunkRequest {
  const made: ChunkRequest = { ...asked, requested: clock.now(), settled: Promise.resolve() };
  const sample = async () => {
    try {
      const chunk = await policy.sample(asked.observation, noise, join);
      made.answer = { chunk, arrived: clock.now() };
    } catch (error) {
      made.answer = { error };
    }
  };
  made.settled = sample();
  return made;
}

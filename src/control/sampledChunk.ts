import type { ChunkRecord, ChunkTimeline } from '../episodes/episode.ts';
import { UserError } from '../errors.ts';
import type { Chunk, Observation } from '../policy/chunkPolicy.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import type { Played } from './chunkPlayer.ts';
import type { JoinKind } from '../policy/joinKinds.ts';

/** A chunk that was put in play. */
export interface SampledChunk {
  index: number;
  observation: Observation;
  chunk: Chunk;
  /** Control steps between its observation and the one at which it was put in play. */
  delay: number;
  join: JoinKind;
  timeline: ChunkTimeline;
}

/** The episode's record of a played chunk. */
export function recordOf({ content, from, to, held }: Played<SampledChunk>): ChunkRecord {
  const { index, observation, chunk, delay, join, timeline } = content;
  return {
    index,
    policyVersion: chunk.policyVersion,
    observationStamp: observation.joints.stamp,
    frameStamps: Object.fromEntries(observation.frames.map(({ camera, stamp }) => [camera, stamp])),
    state: observation.joints.position,
    horizon: chunk.horizon,
    actions: chunk.actions,
    noise: chunk.noise,
    ...(chunk.view && { view: chunk.view }),
    ...(chunk.offset && { offset: chunk.offset }),
    ...(chunk.integration && { integration: chunk.integration }),
    ...(chunk.tokens && { tokens: chunk.tokens }),
    ...(chunk.chain && { chain: chunk.chain }),
    delay,
    executedFrom: from,
    executedTo: to,
    held,
    ...(join !== 'swap' && { join }),
    ...(chunk.joined && { joined: chunk.joined }),
    timeline,
  };
}

/**
 * The error of a chunk for which cameras were black or frozen; undefined if none were. Noiseless cameras may repeat a
 * picture.
 */
export function blindnessOf({ sight }: Chunk, { cameras }: Embodiment): UserError | undefined {
  if (!sight) return undefined;
  const isNoiseless = (name: string) => cameras.find((camera) => camera.name === name)?.noiseless;
  const frozen = sight.repeated.filter((name) => !isNoiseless(name));
  const lines = [
    ...sight.dark.map((name) => `camera ${name} is black; check its lens, its cable and the light`),
    ...frozen.map(
      (name) => `camera ${name} repeats a picture while the arms move; restart its driver`,
    ),
  ];
  if (lines.length === 0) return undefined;
  return new UserError(lines.join('; '), { kind: 'invalid', fields: [...sight.dark, ...frozen] });
}

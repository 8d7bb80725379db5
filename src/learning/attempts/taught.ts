import type { ChunkRecord } from '../../episodes/episode.ts';
import type { Episode } from '../../episodes/readEpisode.ts';
import type { Bundle } from '../../policy/bundle/config.ts';
import { stepsBetween } from './credit.ts';
import { commandedFrom } from '../imitation/demonstrations.ts';

/**
 * A demonstration, or an episode of another policy, as if this policy had made it: at each observation a chunk of the
 * rows that were commanded from there on, from zero noise, executed up to the next observation.
 */
export function taughtEpisode(episode: Episode, { shape, integration }: Bundle): Episode {
  const { header, chunks } = episode;
  const { horizon, actionDim } = shape;
  const { controlRate } = header.embodiment;
  const taught = chunks.flatMap((chunk, i): ChunkRecord[] => {
    const { observationStamp } = chunk;
    const done = commandedFrom(episode, observationStamp, horizon);
    if (!done) return [];
    const next = chunks.at(i + 1)?.observationStamp;
    const rows =
      next === undefined ? done.steps : stepsBetween(observationStamp, next, controlRate);
    const { index, policyVersion, frameStamps, state, timeline } = chunk;
    return [
      {
        ...{ index, policyVersion, observationStamp, frameStamps, state, timeline, integration },
        ...{ horizon, actions: done.actions, noise: new Float32Array(horizon * actionDim) },
        ...{ delay: 0, executedFrom: 0, executedTo: Math.min(rows, done.steps), held: 0 },
      },
    ];
  });
  return { ...episode, chunks: taught };
}

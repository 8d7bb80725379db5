import { discardAbandoned } from '../episodes/beingWritten.ts';
import { partialPath, wholePath } from '../episodes/files.ts';
import { discard } from '../episodes/mcap.ts';
import { recordEpisode } from '../episodes/recordEpisode.ts';
import { type AttemptResult, runAttempt } from '../control/attempt.ts';
import type { SimulatedAloha } from '../sim/simulatedAloha.ts';
import { episodeHeader } from './episodeHeader.ts';
import { EXPERT, expertPolicy } from './expertPolicy.ts';

/** The episode of a task's seed: always the same name, so that a run can go on where one ended. */
export const demoId = (task: string, seed: number) => `${task}-${String(seed).padStart(6, '0')}`;

/** Control steps by which an observation comes before the chunk that it gives is played. */
export const leadOf = (every: number) => Math.min(2, every - 1);

/**
 * Records one attempt by the scripted expert, with an observation each `every` control steps. What a
 * process that has ended left unfinished of it is replaced, and an attempt that is cut short leaves no file.
 */
export async function recordDemo(
  sim: SimulatedAloha,
  folder: string,
  seed: number,
  every: number,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const id = demoId(sim.name, seed);
  const files = [partialPath(folder, id), wholePath(folder, id)];
  await discardAbandoned(files[0]);
  const header = episodeHeader(sim, { id, policy: EXPERT, seed });
  const recorder = await recordEpisode(folder, header);
  let kept = false;
  try {
    const result = await runAttempt({
      robot: sim,
      task: sim,
      policy: expertPolicy(sim, every),
      seed,
      recorder,
      lead: leadOf(every),
      signal,
    });
    if (result.problem && !signal.aborted) throw result.problem;
    kept = result.outcome !== 'discarded';
    return result;
  } finally {
    if (!kept) await Promise.all(files.map(discard));
  }
}

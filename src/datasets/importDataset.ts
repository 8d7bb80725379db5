import { UserError, messageOf } from '../errors.ts';
import { discardAbandoned } from '../episodes/beingWritten.ts';
import { partialPath, wholePath } from '../episodes/files.ts';
import { discard } from '../episodes/mcap.ts';
import type { Episode } from '../episodes/readEpisode.ts';
import { recordEpisode } from '../episodes/recordEpisode.ts';
import { isThere } from '../files/isThere.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { invocation } from '../terminal/invocation.ts';
import type { Output } from '../terminal/output.ts';
import type { ReadOptions } from './dataset.ts';
import { openDataset } from './openDataset.ts';
import { createProgress } from './progress.ts';

export interface ImportOptions extends ReadOptions {
  out: string;
}

/** Records an episode that is in memory. What a process that has ended left unfinished of it is replaced. */
async function record(folder: string, episode: Episode): Promise<void> {
  const { header, result, joints, commands, chunks } = episode;
  const partial = partialPath(folder, header.id);
  await discardAbandoned(partial);
  const recorder = await recordEpisode(folder, header);
  try {
    let next = 0;
    for (const [i, state] of joints.entries()) {
      recorder.joints(state);
      for (; chunks[next]?.observationStamp <= state.stamp; next++) {
        const { actions, frameStamps } = chunks[next];
        const frames = Object.entries(frameStamps).map(([name, stamp]) =>
          episode.image(name, stamp)!,
        );
        recorder.sampled({ joints: state, frames, prompt: header.prompt }, actions);
        recorder.played(chunks[next]);
        await recorder.room();
      }
      recorder.command(commands[i].stamp, commands[i].position);
      await recorder.room();
    }
    await recorder.finish(result!);
  } catch (error) {
    await discard(partial);
    throw error;
  }
}

/**
 * Makes episodes of a data set. Each is whole or not there, those that are there already stay as they are, and the
 * same command goes on where one was stopped.
 */
export async function importDataset(
  folder: string,
  { out, ...options }: ImportOptions,
  { out: output, signal }: { out: Output; signal: AbortSignal },
): Promise<'done' | 'interrupted'> {
  const dataset = await openDataset(folder, options);
  try {
    await makeFolder(out);
    const progress = createProgress(dataset.episodes.length, output);
    for (const note of dataset.notes) progress.say(note);
    let there = 0;
    let made = 0;
    for (const name of dataset.episodes) {
      if (signal.aborted) return 'interrupted';
      if (await isThere(wholePath(out, name))) there += 1;
      else {
        await record(out, await dataset.read(name)).catch((error: unknown) => {
          if (!(error instanceof UserError)) throw error;
          throw new UserError(`${name} was not imported, ${made + there} before it are there: ${messageOf(error)}`, { cause: error }); // prettier-ignore
        });
        made += 1;
      }
      progress.done(made + there);
    }
    if (there > 0) progress.say(`${there} episodes were there already, and stay as they are`);
    progress.say(`${made} episodes made in ${out} in ${progress.elapsed()}`);
    progress.say(`Next: ${invocation(`imitate ${out} --out DIR`)}`);
    return 'done';
  } finally {
    await dataset.close();
  }
}

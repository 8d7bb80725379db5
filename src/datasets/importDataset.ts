import { UserError, invalid } from '../errors.ts';
import { discardAbandoned } from '../episodes/beingWritten.ts';
import { partialPath, wholePath } from '../episodes/files.ts';
import { discard, finishPublishing } from '../episodes/mcap.ts';
import type { ChunkRecord } from '../episodes/episode.ts';
import type { Episode } from '../episodes/readEpisode.ts';
import { recordEpisode } from '../episodes/recordEpisode.ts';
import { isThere } from '../files/isThere.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { checkOutside } from '../files/within.ts';
import type { CameraFrame } from '../robot/robot.ts';
import { invocation } from '../terminal/invocation.ts';
import type { Output } from '../terminal/output.ts';
import type { ReadOptions } from './dataset.ts';
import { openDataset } from './openDataset.ts';
import { createProgress } from './progress.ts';

export interface ImportOptions extends ReadOptions {
  out: string;
}

/** An episode that a data set does not hold as it says. */
class Unreadable extends UserError {}

/** What a data set is asked for, with its failures as `Unreadable`. */
const reading = <T>(read: Promise<T>): Promise<T> =>
  read.catch((error: unknown) => {
    throw error instanceof UserError ? new Unreadable(error.message, { cause: error }) : error;
  });

/** The frames of a chunk, with their pixels read. */
async function framesOf(episode: Episode, { frameStamps }: ChunkRecord): Promise<CameraFrame[]> {
  const frames = Object.entries(frameStamps).map(([name, stamp]) => episode.image(name, stamp)!);
  return Promise.all(
    frames.map(async (frame) => {
      if (frame.png) return frame;
      const pixels = await reading(frame.pixels());
      return { ...frame, pixels: () => Promise.resolve(pixels) };
    }),
  );
}

/** Records an episode of a data set. What a process that has ended left unfinished of it is replaced. */
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
        const frames = await framesOf(episode, chunks[next]);
        const observation = { joints: state, frames, prompt: header.prompt };
        recorder.sampled(observation, chunks[next].actions);
        recorder.played(chunks[next]);
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

/** Those of these episodes that are not in a folder yet. */
async function lackingIn(folder: string, names: readonly string[]): Promise<string[]> {
  for (const name of names)
    await finishPublishing(partialPath(folder, name), wholePath(folder, name));
  const there = await Promise.all(names.map((name) => isThere(wholePath(folder, name))));
  return names.filter((_, i) => !there[i]);
}

/**
 * Makes episodes of a data set. Each is whole or not there, those that are there already stay as they are, and the
 * same command goes on where one was stopped. Episodes that cannot be read are named and left out; a `UserError`
 * counts them at the end.
 */
export async function importDataset(
  folder: string,
  { out, ...options }: ImportOptions,
  { out: output, signal }: { out: Output; signal: AbortSignal },
): Promise<'done' | 'interrupted'> {
  const dataset = await openDataset(folder, options);
  try {
    await checkOutside(folder, out);
    await makeFolder(out);
    const lacking = await lackingIn(out, dataset.episodes);
    const there = dataset.episodes.length - lacking.length;
    const progress = createProgress(lacking.length, output);
    for (const note of dataset.notes) progress.say(note);
    if (there > 0) progress.say(`${there} episodes were there already, and stay as they are`);
    const count = { made: 0, unreadable: 0 };
    for (const [i, name] of lacking.entries()) {
      if (signal.aborted) return 'interrupted';
      try {
        await record(out, await reading(dataset.read(name)));
        count.made += 1;
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        progress.say(`left out ${name}: ${error.message}`);
        count.unreadable += 1;
      }
      progress.done(i + 1);
    }
    progress.say(`${count.made} episodes made in ${out} in ${progress.elapsed()}`);
    if (count.unreadable > 0)
      throw invalid(
        folder,
        `${count.unreadable} of its ${dataset.episodes.length} episodes cannot be read and were left out`,
      );
    progress.say(`Next: ${invocation(`imitate ${out} --out DIR`)}`);
    return 'done';
  } finally {
    await dataset.close();
  }
}

import { dirname } from 'node:path';
import { UserError, messageOf } from '../errors.ts';
import type { EpisodeResult } from './episode.ts';
import { episodeFile, wholePath } from './files.ts';
import { discard, fileSink, publish, startRosbag } from './mcap.ts';
import { METADATA, TOPICS, topicsOf } from './messages.ts';
import { writeHeader, writeResult } from './metadata.ts';
import { headerOf } from './readEpisode.ts';
import { readMcap } from './readMcap.ts';

/**
 * Makes a readable file of a recording that was cut off: everything up to its last complete record,
 * outcome `discarded`, no reward. The partial file is removed once that is on the disk. Resolves to
 * the new file's path; throws a UserError if there is nothing to recover. Not for a file that is
 * still being recorded.
 */
export async function recoverEpisode(path: string): Promise<string> {
  const file = episodeFile(path);
  if (!file || file.finished)
    throw new UserError(`${path}: not a partial episode; give a file that ends in .mcap.partial`);
  const content = await readMcap(path);
  const header = headerOf(path, content);
  const { embodiment } = header;
  const topics = topicsOf(embodiment);
  const messages = content.messages.filter(({ topic }) => topics.has(topic));
  const result: EpisodeResult = {
    outcome: 'discarded',
    reward: null,
    stagedReward: 0,
    steps: messages.filter(({ topic }) => topic === TOPICS.jointCommands).length,
  };

  const final = wholePath(dirname(path), file.id);
  const draft = `${path}.recovered`;
  try {
    const sink = await fileSink(draft, 'replace');
    try {
      const bag = await startRosbag(sink, topics);
      await bag.metadata(METADATA.header, writeHeader(header));
      for (const { topic, stamp, data } of messages) await bag.message(topic, stamp, data);
      await bag.metadata(METADATA.result, writeResult(result));
      await bag.end();
      await sink.sync();
    } finally {
      await sink.close();
    }
    await publish(draft, final);
    await discard(path);
  } catch (error) {
    throw new UserError(`${path}: cannot recover the episode: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return final;
}

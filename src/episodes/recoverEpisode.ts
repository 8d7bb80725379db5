import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError, codeOf, invalid, messageOf, unready } from '../errors.ts';
import { plural } from '../terminal/plural.ts';
import { beingWritten } from './beingWritten.ts';
import type { Channel } from './channels.ts';
import type { EpisodeHeader, EpisodeResult } from './episode.ts';
import { episodeFile, wholePath } from './files.ts';
import { discard, fileSink, publishNew, startRosbag } from './mcap.ts';
import { METADATA, TOPICS, channelsOf } from './messages.ts';
import { writeHeader, writeResult } from './metadata.ts';
import { headerOf, resultOf } from './readEpisode.ts';
import { type McapContent, type StoredMessage, readMcap } from './readMcap.ts';

/** The parts of a recording that a recovered file lacks. */
export interface Loss {
  /** Missing messages, counted by gaps in sequence numbers or by the file's statistics. */
  messages: number;
  /** Missing seconds of the recording; those after the last recovered message are unknown. */
  seconds: number;
  /** Unreadable bytes, and the number of places. */
  bytes: number;
  places: number;
  /** The file's end is one of these places: the number of messages lost there is unknown. */
  atEnd: boolean;
  /** The result was written and is unreadable. */
  result: boolean;
}

/** The result of recovering an interrupted or damaged recording. */
export interface Recovery {
  /** The new file. */
  path: string;
  messages: number;
  result: EpisodeResult;
  /** Null if nothing was lost. */
  loss: Loss | null;
  /** Whether the source file is kept. */
  stays: boolean;
}

/** Number of missing messages: from the file's statistics, otherwise from gaps in each channel's sequence numbers. */
function missingMessages({ messages, summary }: McapContent): number {
  if (summary?.statistics) return Number(summary.statistics.messageCount) - messages.length;
  const kept = new Map<number, { count: number; last: number }>();
  for (const { channelId, sequence } of messages) {
    const { count, last } = kept.get(channelId) ?? { count: 0, last: -1 };
    kept.set(channelId, { count: count + 1, last: Math.max(last, sequence) });
  }
  return [...kept.values()].reduce((sum, { count, last }) => sum + last + 1 - count, 0);
}

const isState = ({ channel }: StoredMessage) => channel.topic === TOPICS.jointStates;

/** Indices of joint states before which others are missing, by their sequence numbers. */
function jumps(messages: readonly StoredMessage[]): number[] {
  let last = -1;
  return messages.flatMap((message, at) => {
    if (!isState(message)) return [];
    const jumped = message.sequence > last + 1;
    last = message.sequence;
    return jumped ? [at] : [];
  });
}

/** Seconds missing: the sum of the gaps between joint states around each loss. */
function missingSeconds({ messages, losses, summary }: McapContent): number {
  const { messageStartTime, messageEndTime } = summary?.statistics ?? {};
  const gaps = new Map<bigint, bigint>();
  for (const at of [...losses.map(({ messages: before }) => before), ...jumps(messages)]) {
    const before = messages.slice(0, at).findLast(isState)?.stamp ?? messageStartTime;
    const after = messages.slice(at).find(isState)?.stamp ?? messageEndTime;
    if (before !== undefined && after !== undefined && after > before)
      gaps.set(before, after - before);
  }
  return Number([...gaps.values()].reduce((sum, gap) => sum + gap, 0n)) / 1e9;
}

/** Whether a file without a readable result had one: it was finished, or its metadata or index name one. */
const hadResult = ({ metadata, summary }: McapContent, finished: boolean): boolean =>
  finished ||
  metadata.has(METADATA.result) ||
  (summary?.metadataIndex.some(({ name }) => name === METADATA.result) ?? false);

function lossOf(content: McapContent, lostResult: boolean): Loss | null {
  const { messages, losses, nameless, summary } = content;
  const missing = Math.max(0, missingMessages(content));
  if (losses.length === 0 && nameless === 0 && missing === 0 && !lostResult) return null;
  return {
    messages: missing,
    seconds: missingSeconds(content),
    bytes: losses.reduce((sum, { bytes }) => sum + bytes, 0),
    places: losses.length,
    atEnd: !summary?.statistics && losses.at(-1)?.messages === messages.length,
    result: lostResult,
  };
}

function recordingInWords({ messages, seconds, bytes, places, atEnd }: Loss): string {
  const known = `${messages} messages, ${seconds.toFixed(2)} s of the recording`;
  if (places === 0) return known;
  const where = `${bytes} damaged bytes in ${plural(places, 'place')}`;
  if (!atEnd) return `${known} (${where})`;
  return `${places > 1 ? `${known} and ` : ''}what stood in an incomplete end (${where})`;
}

/** Describes a loss. */
export const lossInWords = (loss: Loss): string =>
  recordingInWords(loss) +
  (loss.result ? '; its result was written, but is damaged, so that it counts as discarded' : '');

/** The loss recorded by an earlier recovery. */
const lossBefore = ({ metadata }: McapContent) => metadata.get(METADATA.recovery)?.get('loss');

/** The file's topics with their own definitions, and the remaining topics of an episode. */
function channelsIn({ messages }: McapContent, { embodiment }: EpisodeHeader): Channel[] {
  const own = new Map(messages.map(({ channel }) => [channel.topic, channel]));
  return [
    ...new Map([...channelsOf(embodiment).map((c) => [c.topic, c] as const), ...own]).values(),
  ];
}

const discardedAfter = ({ messages }: McapContent): EpisodeResult => ({
  outcome: 'discarded',
  reward: null,
  stagedReward: 0,
  steps: messages.filter(({ channel }) => channel.topic === TOPICS.jointCommands).length,
});

/** A new file at `path`. Removes a leftover of a killed process; of a symbolic link, only the link. */
async function draftSink(path: string) {
  try {
    return await fileSink(path);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    if ((await beingWritten([path])).has(path)) throw unready('another process is recovering it');
    await discard(path);
    return fileSink(path);
  }
}

async function write(
  draft: string,
  header: EpisodeHeader,
  content: McapContent,
  result: EpisodeResult,
  loss: Loss | null,
): Promise<void> {
  const sink = await draftSink(draft);
  try {
    const bag = await startRosbag(sink, channelsIn(content, header));
    await bag.metadata(METADATA.header, writeHeader(header));
    await bag.channels();
    for (const { channel, stamp, data } of content.messages)
      await bag.message(channel.topic, stamp, data);
    await bag.metadata(METADATA.header, writeHeader(header));
    await bag.channels();
    const losses = [lossBefore(content), loss && lossInWords(loss)].filter(Boolean);
    if (losses.length > 0) await bag.metadata(METADATA.recovery, { loss: losses.join('; ') });
    await bag.metadata(METADATA.result, writeResult(result));
    await bag.end();
    await sink.sync();
  } catch (error) {
    // On a full disk the draft would take the space that is needed.
    await discard(draft);
    throw error;
  } finally {
    await sink.close();
  }
}

/** Status of the path itself; a symbolic link is not followed. */
const linkAt = (path: string) => lstat(path).catch(() => undefined);

/** The path of the recovered file. A damaged finished file is kept, and the new one is put beside it. */
function targetOf(path: string): { finished: boolean; final: string } {
  const file = episodeFile(path);
  if (!file)
    throw invalid(path, 'not a partial episode; give a file that ends in .mcap.partial, or a damaged .mcap'); // prettier-ignore
  const { id, finished } = file;
  return { finished, final: wholePath(dirname(path), finished ? `${id}.recovered` : id) };
}

/**
 * Makes a complete file from an interrupted or damaged recording: all readable messages, before and after the damage,
 * and the result, or `discarded` if there is none. A partial file is removed once all its content is on disk. It is kept
 * if something was lost; a damaged finished file is always kept. Never overwrites a file. Throws a `UserError` if nothing
 * can be recovered. The file must not be in use by a writer (see `beingWritten`).
 */
export async function recoverEpisode(path: string): Promise<Recovery> {
  const own = await linkAt(path);
  if (!own)
    throw new UserError(`${path}: there is no such file, so nothing to recover; is the path right?`, { kind: 'missing', subject: path }); // prettier-ignore
  const { finished, final } = targetOf(path);
  const taken = await linkAt(final);
  if (taken && (taken.dev !== own.dev || taken.ino !== own.ino))
    throw new UserError(`${final} is there already and is kept; move it or ${path} away`, {
      kind: 'exists',
      subject: final,
    });
  const content = await readMcap(path);
  const header = headerOf(path, content);
  if (finished && content.damage === null)
    throw invalid(path, 'not a partial episode: it is whole, so there is nothing to recover');
  const known = resultOf(content);
  const result = known ?? discardedAfter(content);
  const loss = lossOf(content, known === null && hadResult(content, finished));
  const stays = finished || loss !== null;
  const recovery = { path: final, messages: content.messages.length, result, loss, stays };
  // A kill between `link` and `rm` while publishing leaves the file under both names.
  if (taken) {
    await discard(path);
    return { ...recovery, stays: false };
  }
  const draft = `${path}.recovered`;
  try {
    await write(draft, header, content, result, loss);
    await publishNew(draft, final);
    if (!stays) await discard(path);
  } catch (error) {
    throw new UserError(`${path}: cannot recover the episode: ${messageOf(error)}`, {
      cause: error,
      subject: path,
    });
  }
  return recovery;
}

import type { ByteSource } from '../../episodes/byteSource.ts';
import { readSummary } from '../../episodes/mcapSummary.ts';
import { type Place, declaredBy, messageReader, readStored } from '../../episodes/readMcap.ts';
import { invalid } from '../../errors.ts';
import type { BagFile } from './bagFile.ts';

/** A bag's file in MCAP, whether or not it has chunks or an index. */
export async function openMcapFile(file: ByteSource, path: string): Promise<BagFile> {
  const declared = declaredBy(await readSummary(file));
  const readAt = messageReader(file);
  // A function of its own: what it returns keeps the message's place, not its bytes.
  const later = (place: Place) => () => readAt(place);
  return {
    async *contents(wanted) {
      let found = false;
      let complete = false;
      let damaged = false;
      for await (const item of readStored(file, declared)) {
        found ||= item.type !== 'Damage';
        complete ||= item.type === 'End';
        damaged ||= item.type === 'Damage';
        if (item.type === 'Damage') yield `${item.what} (${item.bytes} bytes at byte ${item.at})`;
        if (item.type !== 'Message' || !wanted.has(item.channel.topic)) continue;
        const { channel, stamp, data, place } = item;
        yield { channel, stamp, data: () => Promise.resolve(data), read: later(place) };
      }
      if (!found) throw invalid(path, 'cannot be read as an MCAP bag; record with ros2 bag record');
      if (!complete && !damaged) yield 'the file ends early';
    },
    topics: () => [...declared.channels].sort(([a], [b]) => a - b).map(([, { topic }]) => topic),
    close: () => file.close(),
  };
}

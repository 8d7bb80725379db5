import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import zstd from '@foxglove/wasm-zstd';
import { McapWriter } from '@mcap/core';
import fc from 'fast-check';
import { compressFrameSync } from 'lz4-napi';
import { isThere } from '../../src/files/isThere.ts';
import { fileSink } from '../../src/episodes/mcap.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { type StoredMessage, readMcap } from '../../src/episodes/readMcap.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { recoverEpisode } from '../../src/episodes/recoverEpisode.ts';
import { assertAbout } from '../refusals.ts';
import { headerOf, play, success } from './recording.ts';

await zstd.isLoaded;
// In memory where that can be: thousands of files are made whole on the disk here.
const memory = '/dev/shm';
const folder = await mkdtemp(join((await isThere(memory)) ? memory : tmpdir(), 'nalu-damage-'));
after(() => rm(folder, { recursive: true }));

const [MESSAGE, CHUNK, METADATA] = [0x05, 0x06, 0x0c];
const HEAD = 9;

interface Record {
  opcode: number;
  at: number;
  end: number;
}

/** The records of undamaged bytes, one behind the other. */
function recordsOf(bytes: Buffer, from: number, to: number): Record[] {
  const records: Record[] = [];
  for (let at = from; at + HEAD <= to;) {
    const end = at + HEAD + Number(bytes.readBigUInt64LE(at + 1));
    records.push({ opcode: bytes[at], at, end });
    at = end;
  }
  return records;
}

const digest = (channel: number, stamp: bigint, data: Uint8Array) =>
  createHash('sha1').update(`${channel} ${stamp} `).update(data).digest('base64');
const digestOf = ({ channelId, stamp, data }: StoredMessage) => digest(channelId, stamp, data);

/** An episode as it was recorded, and what each of its chunks holds: the judge of what may be missing. */
interface Original {
  bytes: Buffer;
  records: Record[];
  messages: Map<Record, string[]>;
}

function originalOf(bytes: Buffer): Original {
  const records = recordsOf(bytes, 8, bytes.length - 8);
  const messages = new Map<Record, string[]>();
  for (const chunk of records.filter(({ opcode }) => opcode === CHUNK)) {
    const name = bytes.readUInt32LE(chunk.at + HEAD + 28);
    const first = chunk.at + HEAD + 28 + 4 + name + 8;
    assert.equal(crc32(bytes.subarray(first, chunk.end)), bytes.readUInt32LE(chunk.at + HEAD + 24));
    const inside = recordsOf(bytes, first, chunk.end).filter(({ opcode }) => opcode === MESSAGE);
    messages.set(
      chunk,
      inside.map(({ at, end }) => {
        const content = bytes.subarray(at + HEAD, end);
        return digest(content.readUInt16LE(0), content.readBigUInt64LE(6), content.subarray(22));
      }),
    );
  }
  return { bytes, records, messages };
}

async function recorded(id: string): Promise<Original> {
  const recorder = await recordEpisode(folder, headerOf(id));
  await play(recorder, 5);
  return originalOf(await readFile(await recorder.finish({ ...success, steps: 25 })));
}
const original = await recorded('original');
const { bytes: whole } = original;

/** Damage in the places that it is likely to do most, and anywhere. */
const place = fc.oneof(
  fc.nat(whole.length - 1),
  fc
    .constantFrom(...original.records)
    .chain(({ at, end }) => fc.integer({ min: at, max: Math.min(at + 48, end - 1) })),
);
type Change = (bytes: Buffer) => Buffer;
const flip = fc.tuple(place, fc.nat(7)).map(([at, bit]): Change => (bytes) => {
  if (at < bytes.length) bytes[at] ^= 1 << bit;
  return bytes;
});
const zeros = fc
  .tuple(place, fc.integer({ min: 1, max: 3000 }))
  .map(([at, length]): Change => (bytes) => bytes.fill(0, Math.min(at, bytes.length), Math.min(at + length, bytes.length))); // prettier-ignore
const cut = fc.nat(whole.length).map(
  (at): Change =>
    (bytes) =>
      bytes.subarray(0, at),
);
const missing = fc
  .tuple(place, fc.integer({ min: 1, max: 2000 }))
  .map(([at, length]): Change => (bytes) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])); // prettier-ignore
const length = fc
  .tuple(fc.constantFrom(...original.records), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.boolean())
  .map(([{ at }, value, small]): Change => (bytes) => {
    if (at + HEAD <= bytes.length) bytes.writeBigUInt64LE(small ? value % 20_000n : value, at + 1);
    return bytes;
  }); // prettier-ignore
const noise = fc
  .tuple(place, fc.uint8Array({ minLength: 1, maxLength: 600 }))
  .map(([at, other]): Change => (bytes) => {
    bytes.set(other.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
    return bytes;
  });
const damage = fc.array(fc.oneof(flip, flip, zeros, cut, missing, length, noise), {
  minLength: 1,
  maxLength: 3,
});

/** Messages of those chunks whose record is still there, byte for byte, wherever it stands now. */
function reachable({ messages, bytes }: Original, damaged: Buffer): string[] {
  return [...messages].flatMap(([{ at, end }, inside]) =>
    damaged.includes(bytes.subarray(at, end)) ? inside : [],
  );
}

/** Whether one of the records that say what the file is of is still there. */
const isIntroduced = ({ records, bytes }: Original, damaged: Buffer, name: string) =>
  records
    .filter(({ opcode }) => opcode === METADATA)
    .map(({ at, end }) => bytes.subarray(at, end))
    .some((record) => record.includes(name) && damaged.includes(record));

describe('recover, over random damage', { timeout: 300_000 }, () => {
  it('keeps every message that can be reached by chunk, makes none up, and keeps its input unless all is kept', async () => {
    const all = [...original.messages.values()].flat();
    let run = 0;
    let keptBehindDamage = 0;
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const damaged = changes.reduce<Buffer>(
          (bytes, change) => change(bytes),
          Buffer.from(whole),
        );
        const place = join(folder, String(run++));
        await mkdir(place);
        const partial = join(place, 'original.mcap.partial');
        await writeFile(partial, damaged);
        const wanted = reachable(original, damaged);
        const outcome = await recoverEpisode(partial).catch((error: Error) => error);
        if (outcome instanceof Error) {
          assertAbout(outcome, { kind: 'invalid', subject: 'original.mcap.partial' });
          assert.ok(!isIntroduced(original, damaged, 'nalu/header'), 'what it is of is told');
          assert.ok((await readFile(partial)).equals(damaged), 'a file that is refused stays');
        } else {
          const kept = (await readMcap(outcome.path)).messages.map(digestOf);
          const left = new Set(kept);
          if (isIntroduced(original, damaged, 'nalu/channels'))
            assert.deepEqual(wanted.filter((one) => !left.has(one)), []); // prettier-ignore
          assert.deepEqual(kept.filter((one) => !all.includes(one)), []); // prettier-ignore
          const stays = await isThere(partial);
          assert.equal(stays, outcome.stays);
          assert.equal(stays, outcome.loss !== null);
          if (stays) assert.ok((await readFile(partial)).equals(damaged), 'untouched');
          if (kept.length < all.length && damaged.length === whole.length)
            assert.ok(outcome.loss, 'what is missing is told');
          keptBehindDamage += Number(outcome.loss !== null && left.has(all.at(-1)!));
          const episode = await readEpisode(outcome.path);
          assert.equal(episode.header.id, 'original');
          const hasResult = isIntroduced(original, damaged, 'nalu/result');
          assert.equal(episode.result?.outcome, hasResult ? 'success' : 'discarded');
        }
        await rm(place, { recursive: true });
      }),
      { numRuns: 500, seed: 20_261_128, includeErrorInReport: true },
    );
    assert.ok(keptBehindDamage > 50, `${keptBehindDamage} files were read beyond their damage`);
  });

  it('reads compressed chunks on beyond damage too', async () => {
    const compressions = {
      zstd: (data: Uint8Array) => zstd.compress(data),
      lz4: (data: Uint8Array) => compressFrameSync(Buffer.from(data)),
    };
    for (const [compression, compress] of Object.entries(compressions)) {
      const path = join(folder, `${compression}.mcap`);
      const sink = await fileSink(path);
      const compressChunk = (data: Uint8Array) => ({ compression, compressedData: compress(data) });
      const writer = new McapWriter({ writable: sink, chunkSize: 500, compressChunk });
      await writer.start();
      const channelId = await writer.registerChannel({ schemaId: 0, topic: '/a', messageEncoding: 'cdr', metadata: new Map() }); // prettier-ignore
      for (let i = 0; i < 100; i++)
        await writer.addMessage({ channelId, sequence: i, logTime: BigInt(i), publishTime: 0n, data: new Uint8Array(100).map((_, j) => i * j) }); // prettier-ignore
      await writer.end();
      await sink.close();
      const bytes = await readFile(path);
      const chunks = recordsOf(bytes, 8, bytes.length - 8).filter(({ opcode }) => opcode === CHUNK);
      const { messages, damage } = await readMcap(path);
      assert.deepEqual([messages.length, damage], [100, null]);
      for (const { at, end } of chunks) {
        const damaged = Buffer.from(bytes);
        damaged[end - 20] ^= 0x10;
        assert.ok(end - 20 > at);
        await writeFile(path, damaged);
        const rest = (await readMcap(path)).messages.length;
        assert.ok(rest >= 90 && rest < 100, `${compression}: ${rest} of 100 messages`);
      }
    }
  });
});

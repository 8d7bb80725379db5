import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parse } from '@foxglove/rosmsg';
import { MessageReader } from '@foxglove/rosmsg2-serialization';
import { McapIndexedReader } from '@mcap/core';
import sharp from 'sharp';
import { isThere } from '../../src/files/isThere.ts';
import { listEpisodes } from '../../src/episodes/listEpisodes.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { recoverEpisode } from '../../src/episodes/recoverEpisode.ts';
import { assertAbout, assertRejectsAbout, assertSaid } from '../refusals.ts';
import { mountSmallDisk } from './smallDisk.ts';
import {
  STEPS,
  embodiment,
  headerOf,
  observationAt,
  pixelsOf,
  play,
  recordAt,
  space,
  stampOf,
  success,
} from './recording.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-episodes-'));
after(() => rm(folder, { recursive: true }));

const wholeHeader = (id: string) => ({ ...headerOf(id), embodiment: { ...embodiment, space } });

const record = async (id: string, chunks: number) => {
  const recorder = await recordEpisode(folder, wholeHeader(id));
  await play(recorder, chunks);
  return recorder.finish({ ...success, steps: chunks * 5 });
};

/** A file that is as a killed process leaves it: cut off after `bytes`. */
const cutOff = async (id: string, whole: Buffer, bytes: number) => {
  const path = join(folder, `${id}.mcap.partial`);
  await writeFile(path, whole);
  await truncate(path, bytes);
  return path;
};

describe('a recorded episode', () => {
  it('comes back as it was', async () => {
    const path = await record('whole', 3);
    const episode = await readEpisode(path);
    assert.deepEqual(episode.missing, []);
    assert.deepEqual(episode.header, wholeHeader('whole'));
    assert.deepEqual(episode.result, { ...success, steps: 15 });
    assert.deepEqual(episode.chunks, [recordAt(0), recordAt(1), recordAt(2)]);
    assert.equal(episode.joints.length, 15);
    assert.deepEqual(episode.joints[7], {
      stamp: stampOf(7),
      position: Float64Array.of(0.07, 0.5),
    });
    assert.deepEqual(episode.commands[7].position, Float64Array.of(0.07, 0.25));
    const image = episode.image('cam_high', stampOf(5));
    assert.deepEqual([image?.width, image?.height], [16, 12]);
    assert.deepEqual(Uint8Array.from(await image!.pixels()), pixelsOf(5));
    assert.equal(await image!.pixels(), await image!.pixels());
    assert.equal(episode.image('cam_high', stampOf(6)), undefined);
  });

  it('ends with its summary at every length', async () => {
    for (let chunks = 1; chunks <= 40; chunks++) await record(`length-${chunks}`, chunks);
    const lengths = (await listEpisodes(folder)).filter(({ id }) => id.startsWith('length-'));
    assert.deepEqual(
      lengths.map(({ state }) => state),
      Array.from({ length: 40 }, () => 'finished'),
    );
  });

  it('is read by other readers of ROS 2 bags, with the schemas that it carries', async () => {
    const file = await open(await record('foreign', 2));
    try {
      const reader = await McapIndexedReader.Initialize({
        readable: {
          size: async () => BigInt((await file.stat()).size),
          read: async (offset, size) => {
            const { buffer } = await file.read(
              Buffer.alloc(Number(size)),
              0,
              Number(size),
              Number(offset),
            );
            return buffer;
          },
        },
      });
      assert.equal(reader.header.profile, 'ros2');
      const readers = new Map<number, MessageReader>();
      for (const { id, schemaId, messageEncoding } of reader.channelsById.values()) {
        const schema = reader.schemasById.get(schemaId)!;
        assert.deepEqual([schema.encoding, messageEncoding], ['ros2msg', 'cdr']);
        assert.match(schema.name, /^\w+\/msg\/\w+$/);
        const definition = new TextDecoder().decode(schema.data);
        readers.set(id, new MessageReader(parse(definition, { ros2: true })));
      }
      const seen = new Map<string, Record<string, unknown>[]>();
      for await (const { channelId, data } of reader.readMessages({ validateCrcs: true })) {
        const { topic } = reader.channelsById.get(channelId)!;
        const message = readers.get(channelId)!.readMessage<Record<string, unknown>>(data);
        assert.equal(readers.get(channelId)!.lastReadHadTrailingBytes(), false);
        seen.set(topic, [...(seen.get(topic) ?? []), message]);
      }
      assert.deepEqual(
        Object.fromEntries([...seen].map(([topic, messages]) => [topic, messages.length])),
        {
          '/cam_high/image/compressed': 2,
          '/action_chunk': 2,
          '/joint_states': 10,
          '/joint_commands': 10,
          '/nalu/chunk': 2,
          '/nalu/chunk_timing': 2,
        },
      );
      const image = seen.get('/cam_high/image/compressed')![0];
      assert.equal(image.format, 'png');
      const pixels = await sharp(image.data as Uint8Array)
        .raw()
        .toBuffer();
      assert.deepEqual(Uint8Array.from(pixels), pixelsOf(0));
      const { points, joint_names } = seen.get('/action_chunk')![1] as {
        points: { positions: Float64Array; time_from_start: unknown }[];
        joint_names: string[];
      };
      assert.deepEqual(joint_names, ['shoulder', 'hand']);
      assert.equal(points.length, 10);
      assert.deepEqual([...points[3].positions], [...recordAt(1).actions.slice(6, 8)]);
      assert.deepEqual(points[3].time_from_start, { sec: 0, nanosec: 60_000_000 });
    } finally {
      await file.close();
    }
  });

  it('may lack the time lines of its chunks, as older ones do', async () => {
    const { timeline, ...older } = recordAt(0);
    const recorder = await recordEpisode(folder, headerOf('older'));
    recorder.sampled(observationAt(0), older.actions);
    recorder.played(older);
    recorder.sampled(observationAt(STEPS), recordAt(1).actions);
    recorder.played({ ...recordAt(1), timeline: { ...timeline!, firstCommand: null } });
    const { chunks, missing } = await readEpisode(await recorder.finish(success));
    assert.deepEqual(missing, []);
    assert.deepEqual(chunks[0], older);
    assert.equal(chunks[1].timeline!.firstCommand, null);
  });

  it('never replaces another', async () => {
    await record('once', 1);
    await assertRejectsAbout(recordEpisode(folder, headerOf('once')), {
      kind: 'exists',
      subject: 'once.mcap',
    });
    const open = await recordEpisode(folder, headerOf('twice'));
    await assertRejectsAbout(recordEpisode(folder, headerOf('twice')), {
      kind: 'exists',
      subject: 'twice.mcap.partial',
    });
    await open.finish({ ...success, outcome: 'discarded', reward: null });
  });

  it('names the folder that it cannot be written to', async () => {
    const file = join(folder, 'not-a-folder');
    await writeFile(file, '');
    await assertRejectsAbout(recordEpisode(file, headerOf('nowhere')), {
      kind: 'exists',
      subject: 'not-a-folder',
    });
  });
});

describe('a recording that was cut off', () => {
  it('is on the disk up to its last few steps while it goes on', async () => {
    const recorder = await recordEpisode(folder, headerOf('running'));
    await play(recorder, 40);
    await recorder.room();
    const path = join(folder, 'running.mcap.partial');
    const { chunks, result, missing } = await readEpisode(path);
    assert.equal(result, null);
    assert.ok(missing.includes('no result'));
    assert.ok(chunks.length >= 30, `${chunks.length} of 40 chunks`);
    await recorder.finish({ ...success, outcome: 'discarded', reward: null });
  });

  it('is recovered up to its last complete record, wherever it was cut; as discarded without its result', async () => {
    const whole = await readFile(await record('to-cut', 6));
    let last = 0;
    for (let cut = 0; cut <= 24; cut++) {
      const id = `cut-${cut}`;
      const cutAt = Math.floor((whole.length * cut) / 25);
      const path = await cutOff(id, whole, cutAt);
      let recovered;
      try {
        recovered = await recoverEpisode(path);
      } catch (error) {
        assertAbout(error, { kind: 'invalid', subject: `${id}.mcap.partial` });
        assert.equal(last, 0, 'only a file without a header has nothing to recover');
        continue;
      }
      const inTheMiddle = recovered.loss !== null;
      const hadResult = whole.indexOf('nalu/result') < cutAt;
      assert.equal(await isThere(path), inTheMiddle, 'stays if its last record is incomplete');
      const { chunks, result, commands, joints, missing } = await readEpisode(recovered.path);
      const discarded = { outcome: 'discarded', reward: null, stagedReward: 0 };
      const wanted = hadResult ? { ...success, steps: 30 } : { ...discarded, steps: commands.length }; // prettier-ignore
      assert.deepEqual(result, wanted);
      assert.deepEqual(
        chunks,
        chunks.map((_, index) => recordAt(index)),
      );
      const { atEnd, places } = recovered.loss ?? { atEnd: true, places: 1 };
      assert.deepEqual([atEnd, places], [true, 1], 'nothing is lost but the end');
      for (const line of missing) assertSaid(line);
      assert.ok(joints.length >= last, 'a longer file gives no less');
      last = joints.length;
    }
    assert.ok(last >= 20, `${last} steps`);
  });

  it('is recovered up to damaged bytes and beyond', async () => {
    const bytes = await readFile(await record('to-damage', 6));
    bytes.fill(0, Math.floor(bytes.length / 3), Math.floor(bytes.length / 3) + 4096);
    const path = await cutOff('damaged', bytes, bytes.length);
    assert.ok(
      (await readEpisode(path)).missing.some((line) => line.startsWith('the file is damaged')),
    );
    const { loss, path: whole } = await recoverEpisode(path);
    const { result, chunks, missing } = await readEpisode(whole);
    assert.deepEqual(result, { ...success, steps: 30 }, 'the result stands behind the damage');
    assertSaid(missing.join('\n'), `${loss!.messages} messages`);
    assert.ok(loss!.messages > 0 && loss!.seconds > 0);
    assert.ok(chunks.some(({ index }) => index === 5));
    assert.ok(await isThere(path), 'what was not kept stays');
  });

  it('leaves alone what is no partial episode', async () => {
    await assertRejectsAbout(recoverEpisode(join(folder, 'whole.mcap')), {
      kind: 'invalid',
      subject: 'whole.mcap',
    });
    const path = join(folder, 'gone.mcap.partial');
    await assertRejectsAbout(recoverEpisode(path), {
      kind: 'missing',
      subject: 'gone.mcap.partial',
    });
  });
});

describe('a folder of episodes', () => {
  it('lists what is finished, what is not and what cannot be read', async () => {
    const place = join(folder, 'list');
    const finish = await recordEpisode(place, headerOf('b'));
    await finish.finish(success);
    await writeFile(join(place, 'a.mcap.partial'), '');
    await writeFile(join(place, 'c.mcap'), 'not an episode');
    await writeFile(join(place, 'notes.txt'), '');
    const listed = await listEpisodes(place);
    assert.deepEqual(
      listed.map(({ id, state }) => [id, state]),
      [
        ['a', 'partial'],
        ['b', 'finished'],
        ['c', 'unreadable'],
      ],
    );
    assert.ok(listed[1].state === 'finished');
    assert.deepEqual([listed[1].header, listed[1].result], [headerOf('b'), success]);
    assert.deepEqual(await listEpisodes(join(folder, 'nowhere')), []);
  });
});

describe('a disk that cannot keep up', () => {
  it('never makes the caller wait; the recording is given up with a clear error', async () => {
    let free = () => {};
    let stuck: Promise<void> = Promise.resolve();
    const recorder = await recordEpisode(folder, headerOf('slow'), () =>
      Promise.resolve({
        position: () => 0n,
        write: () => stuck,
        sync: () => Promise.resolve(),
        close: () => Promise.resolve(),
      }),
    );
    stuck = new Promise((resolve) => (free = resolve));
    await play(recorder, 500);
    const tooSlow = { kind: 'unready', subject: 'slow.mcap.partial' } as const;
    assertAbout(recorder.problem, tooSlow);
    free();
    await assertRejectsAbout(recorder.finish(success), tooSlow);
  });
});

describe('a full disk', () => {
  it('gives up the recording with a clear error and keeps the partial file', async (test) => {
    const disk = await mountSmallDisk(join(folder, 'small'), 64 * 1024);
    if (disk === null) return test.skip('no tmpfs can be mounted here');
    try {
      const recorder = await recordEpisode(disk.path, headerOf('full'));
      for (let round = 0; round < 100 && !recorder.problem; round++) {
        await play(recorder, 4, () => recorder.room());
      }
      const full = { kind: 'unready', subject: 'full.mcap.partial' } as const;
      assertAbout(recorder.problem, full);
      await assertRejectsAbout(recorder.finish(success), full);
      assert.deepEqual(await readdir(disk.path), ['full.mcap.partial']);
      const { header, chunks } = await readEpisode(join(disk.path, 'full.mcap.partial'));
      assert.equal(header.embodiment.name, embodiment.name);
      assert.ok(chunks.length > 4);
    } finally {
      await disk.unmount();
    }
  });
});

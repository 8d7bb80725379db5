import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import zstd from '@foxglove/wasm-zstd';
import type { McapWriterOptions } from '@mcap/core';
import { compressFrameSync } from 'lz4-napi';
import { bagRecording } from '../../src/ros/replay/bag.ts';
import { type About, assertRejectsAbout, assertSaid } from '../refusals.ts';
import { START, STEP, STEPS, calibration, camera, positionAt, recordBag } from './bags.ts';

await zstd.isLoaded;

describe("a bag of a robot's topics", () => {
  let folder: string;
  let bag: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-bag-'));
    bag = join(folder, 'bag.mcap');
    await recordBag(bag);
  });
  after(() => rm(folder, { recursive: true }));

  const close = (seen: ArrayLike<number>, wanted: ArrayLike<number>) =>
    Array.from(wanted, (value, i) => assert.ok(Math.abs(seen[i] - value) < 1e-9));

  it("is read in the robot's own vectors, a state and a command at each control step", async () => {
    const { joints, commands } = await bagRecording(bag, calibration);
    assert.equal(joints.length, STEPS);
    assert.equal(commands.length, STEPS);
    for (const step of [0, 4, STEPS - 1]) {
      close(joints[step].position, positionAt(step));
      close(commands[step].position, positionAt(step + 2));
    }
  });

  it('gives of each camera the image that was the newest', async () => {
    const recording = await bagRecording(bag, calibration);
    const brightness = async (step: number) => {
      const [frame] = await recording.imagesAt(START + BigInt(step) * STEP);
      assert.equal(frame.camera, camera.name);
      return (await frame.pixels())[0];
    };
    assert.equal(await brightness(0), 0);
    assert.equal(await brightness(5), 30);
    assert.equal(await brightness(9), 90);
  });

  /** All that is asked of the bag, however it was written. */
  const isThatBag = async (path: string) => {
    const recording = await bagRecording(path, calibration);
    assert.deepEqual(recording.damage, []);
    assert.equal(recording.joints.length, STEPS);
    for (const step of [0, 4, STEPS - 1]) {
      close(recording.joints[step].position, positionAt(step));
      close(recording.commands[step].position, positionAt(step + 2));
    }
    const [frame] = await recording.imagesAt(START + 5n * STEP);
    assert.equal((await frame.pixels())[0], 30);
  };
  const small = { chunkSize: 4096 };
  const backwards = Array.from({ length: STEPS }, (_, step) => STEPS - 1 - step);
  const kinds: Record<string, [Partial<McapWriterOptions>, number[]?]> = {
    'in zstd': [
      {
        ...small,
        compressChunk: (data) => ({ compression: 'zstd', compressedData: zstd.compress(data) }),
      },
    ],
    'in lz4': [
      {
        ...small,
        compressChunk: (data) => ({
          compression: 'lz4',
          compressedData: compressFrameSync(Buffer.from(data)),
        }),
      },
    ],
    'without chunks': [{ useChunks: false }],
    'without message indexes': [{ ...small, useMessageIndex: false }],
    'without a summary': [
      { useStatistics: false, useSummaryOffsets: false, useChunkIndex: false, repeatChannels: false, repeatSchemas: false }, // prettier-ignore
    ],
    'that stand backwards': [small, backwards],
  };
  for (const [kind, [options, order]] of Object.entries(kinds))
    it(`is read with messages ${kind}`, async () => {
      const path = join(folder, `${kind.replaceAll(' ', '-')}.mcap`);
      await recordBag(path, options, order);
      await isThatBag(path);
    });

  it('is read from the folder that ros2 bag makes, of one file or several', async () => {
    const one = join(folder, 'one');
    await mkdir(one);
    await copyFile(bag, join(one, 'one_0.mcap'));
    await writeFile(
      join(one, 'metadata.yaml'),
      'rosbag2_bagfile_information:\n  relative_file_paths:\n    - one_0.mcap\n',
    );
    await isThatBag(one);
    const split = join(folder, 'split');
    await mkdir(split);
    await recordBag(join(split, 'split_9.mcap'), {}, [0, 1, 2, 3]);
    await recordBag(join(split, 'split_10.mcap'), {}, [4, 5, 6, 7, 8, 9]);
    await isThatBag(split);
  });

  it('is read on beyond damage, which is told', async () => {
    const path = join(folder, 'damaged.mcap');
    await recordBag(path, small);
    const bytes = await readFile(path);
    bytes[Math.floor(bytes.length / 2)] ^= 1;
    await writeFile(path, bytes);
    const { joints, damage } = await bagRecording(path, calibration);
    assert.equal(joints.length, STEPS);
    assertSaid(damage[0], path, 'a wrong checksum', 'bytes at byte');
  });

  it('is refused with what to do where it is of another kind', async () => {
    const bags: [string, string, About][] = [
      ['sqlite', 'sqlite_0.db3', { kind: 'invalid', subject: 'sqlite_0.db3', names: ['SQLite'] }],
      ['packed', 'packed_0.mcap.zstd', { kind: 'unsupported', subject: 'packed_0.mcap.zstd', names: ['zstd -d'] }], // prettier-ignore
      ['empty', 'notes.txt', { kind: 'invalid', subject: 'empty', names: ['no MCAP or SQLite file'] }], // prettier-ignore
    ];
    for (const [name, file, about] of bags) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, file), '');
      await assertRejectsAbout(bagRecording(join(folder, name), calibration), about);
    }
    const nowhere = join(folder, 'nowhere');
    await assertRejectsAbout(bagRecording(nowhere, calibration), {
      kind: 'missing',
      subject: nowhere,
    });
  });

  it('is refused, with what it has, where it is of another robot or no bag at all', async () => {
    const other = structuredClone(calibration);
    other.arms[0].namespace = 'somebody';
    other.arms[1].namespace = 'else';
    await assertRejectsAbout(bagRecording(bag, other), {
      kind: 'missing',
      subject: bag,
      fields: ['/somebody/joint_states'],
      names: ['no joint states', '/somebody/joint_states', '/follower_left/joint_states'],
    });
    const text = join(folder, 'text.mcap');
    await writeFile(text, 'no bag');
    await assertRejectsAbout(bagRecording(text, calibration), {
      kind: 'invalid',
      subject: text,
      names: ['MCAP'],
    });
  });
});

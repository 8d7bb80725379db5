import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { nalu } from '../cli/nalu.ts';
import { type Said, describe as describeBag, writeBag, writeMcap, writeSqlite } from '../topics/writeBag.ts'; // prettier-ignore
import { assertAbout, assertSaid } from '../refusals.ts';
import { episodesIn, leftOut, linesOf, recordStubs } from './sets.ts';
import { PERIODS, SIDES, START, brightnessOf, followedTo, ledTo, smallAloha, teleoperation } from './teleoperation.ts'; // prettier-ignore

const root = await mkdtemp(join(tmpdir(), 'nalu-bags-'));
after(() => rm(root, { recursive: true }));
const at = (...parts: string[]) => join(root, ...parts);
const calibration = await smallAloha(root);
const said = await teleoperation();

const importBags = (path: string, out: string, ...more: string[]) =>
  nalu(['import-data', path, '--out', out, '--calibration', calibration, ...more]);

const without = (pattern: RegExp) => said.filter(({ topic }) => !pattern.test(topic));
const COMMANDS = /\/commands\//;

/** Imports a bag of these messages; resolves to its only episode. */
async function imported(name: string, messages: readonly Said[]): Promise<Episode> {
  const bag = at(name, 'transfer-cube', 'demo');
  await writeBag(bag, messages);
  const { code, err } = await importBags(bag, at(name, 'out'));
  assert.equal(code, 0, err);
  const [episode] = await episodesIn(at(name, 'out'));
  return episode;
}

/** The newest time at which a topic spoke, at or before another one, ns after the start. */
const newest = (time: bigint, period: bigint, offset: bigint) => ((time - offset) / period) * period + offset; // prettier-ignore

const near = (seen: ArrayLike<number>, wanted: readonly number[], tolerance: number) =>
  wanted.forEach((value, i) =>
    assert.ok(Math.abs(seen[i] - value) <= tolerance, `${i}: ${seen[i]} in place of ${value}`),
  );

/** Asserts that each row has the joints that were measured last before it, and gives each row's time. */
function assertObserved({ joints }: Episode): bigint[] {
  return joints.map(({ stamp, position }, row) => {
    const time = stamp - START;
    assert.equal(stamp - joints[0].stamp, BigInt(row) * 20_000_000n);
    const states = SIDES.flatMap((side) =>
      followedTo(side, newest(time, PERIODS.states, side === 'left' ? 0n : 3_000_000n)),
    );
    near(position, states, 1e-9);
    return time;
  });
}

describe('nalu import-data of a bag of teleoperated ALOHA', () => {
  it("takes the followers' joints as the observation and their commands as the action", async () => {
    const episode = await imported('commands', said);
    assert.deepEqual([episode.header.id, episode.header.task, episode.header.prompt], ['demo', 'transfer-cube', 'Transfer cube']); // prettier-ignore
    assert.equal(episode.result?.outcome, 'success');
    const times = assertObserved(episode);
    // From the first complete command, which every camera had spoken before, to the last: 2 s at 50 Hz.
    assert.equal(times.length, 100);
    assert.equal(times[0], 3_500_000n);
    for (const [row, { position }] of episode.commands.entries())
      near(position, [
        // The left arm is commanded 3 ms before the right one.
        ...ledTo('left', times[row] - 3_000_000n),
        ...ledTo('right', times[row]),
      ], 1e-6); // prettier-ignore
  });

  it('shows at each observation the newest image of every camera, raw or compressed', async () => {
    const episode = await imported('images', said);
    assert.deepEqual(episode.chunks.map(({ horizon }) => horizon), Array<number>(10).fill(10)); // prettier-ignore
    for (const { observationStamp, frameStamps } of episode.chunks)
      for (const [i, camera] of ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'].entries()) {
        const time = newest(observationStamp - START, PERIODS.images, BigInt(i) * 1_000_000n);
        assert.equal(frameStamps[camera], START + time);
        const pixels = await episode.image(camera, frameStamps[camera])!.pixels();
        const number = Number((time - BigInt(i) * 1_000_000n) / PERIODS.images);
        assert.ok(Math.abs(pixels[0] - brightnessOf(number)) <= 1, `${camera}: ${pixels[0]}`);
      } // prettier-ignore
  });

  it("takes the leaders' joints as the action where no commands were recorded", async () => {
    const episode = await imported('leaders', without(COMMANDS));
    const times = assertObserved(episode);
    for (const [row, { position }] of episode.commands.entries())
      near(position, SIDES.flatMap((side) => ledTo(side, newest(times[row], PERIODS.states, side === 'left' ? 0n : 3_000_000n))), 1e-9); // prettier-ignore
  });

  it('is the same from MCAP, from SQLite of any version, and from the files of a bag in parts', async () => {
    const folder = at('storages', 'transfer-cube');
    await writeBag(join(folder, 'mcap'), said);
    await writeBag(join(folder, 'sqlite'), said, 'sqlite3');
    await mkdir(join(folder, 'parts'));
    // As ros2 bag names them, without the metadata.yaml that is written at the end.
    for (const part of [0, 1, 2]) {
      const messages = said.filter((_, i) => Math.floor((3 * i) / said.length) === part);
      await writeMcap(join(folder, 'parts', `parts_${part}.mcap`), messages);
    }
    writeSqlite(join(folder, 'humble.db3'), said, { defined: false });
    const { code, err, out } = await importBags(folder, at('storages', 'out'));
    assert.equal(code, 0, err);
    assertSaid(linesOf(out, 'task'), '"Transfer cube"');
    const episodes = await episodesIn(at('storages', 'out'));
    assert.deepEqual(episodes.map(({ header }) => header.id), ['humble', 'mcap', 'parts', 'sqlite']); // prettier-ignore
    const [{ joints, commands, chunks }] = episodes;
    for (const other of episodes.slice(1))
      assert.deepEqual(
        { joints: other.joints, commands: other.commands, chunks: other.chunks },
        { joints, commands, chunks },
      );
  });

  it('is learned from by nalu imitate without being imported', async () => {
    const bag = at('learned', 'transfer-cube', 'demo');
    await writeBag(bag, said);
    const { code, out, err } = await nalu([
      ...['imitate', bag, '--calibration', calibration, '--out', at('policy')],
      ...['--steps', '1', '--batch', '2', '--attempts', '0'],
    ]);
    assert.equal(code, 0, err);
    assertSaid(linesOf(out, 'observations'), '10 observations', '1 episodes');
  });

  it("is not looked for among Nalu's own episodes", async () => {
    await recordStubs(at('episodes'), ['success']);
    // A file that nothing can be read of says nothing of the others.
    await writeFile(join(at('episodes'), '0-damaged.mcap'), 'no episode');
    const { code, failure } = await importBags(at('episodes'), at('never'));
    assert.equal(code, 1);
    const names = ['imitate', 'export'];
    assertAbout(failure, { kind: 'invalid', subject: at('episodes'), names });
  });
});

/** Messages of a topic, each a while later than it was. */
const delayed = (pattern: RegExp, by: bigint) =>
  said
    .map((one) => (pattern.test(one.topic) ? { ...one, stamp: one.stamp + by } : one))
    .sort((a, b) => Number(a.stamp - b.stamp));

/** Messages without those of a topic between two times, ns after the start. */
const silent = (pattern: RegExp, from: bigint, to: bigint) =>
  said.filter(
    ({ topic, stamp }) => !pattern.test(topic) || stamp - START < from || stamp - START >= to,
  );

const SECOND = 1_000_000_000n;

/** Faults of a bag, and what names them. */
const FAULTS: Record<string, [messages: () => readonly Said[], ...named: string[]]> = {
  'no joint states of an arm': [
    () => without(/^\/follower_right\/joint_states/),
    ...['/follower_right/joint_states', 'follower', '/follower_left/joint_states'],
  ],
  'neither commands nor leaders': [
    () => without(/commands|leader/),
    ...['/follower_left/commands/joint_group', '/leader_left/joint_states, /leader_right/joint_states'], // prettier-ignore
  ],
  'grippers that nobody commands': [
    () => without(/joint_single|leader/),
    'left_gripper, right_gripper',
  ],
  'one leader': [
    () => without(/commands|leader_right/),
    ...['/leader_right/joint_states', 'leader'],
  ],
  'no images of a camera': [
    () => without(/^\/cam_low/),
    ...['cam_low', '/cam_low/camera/color/image_rect_raw'],
  ],
  'messages of another type': [
    () => said.map((one) => (one.topic.startsWith('/cam_high') ? { ...one, type: 'sensor_msgs/msg/CompressedImage' } : one)), // prettier-ignore
    ...['demo_0.mcap', '/cam_high/camera/color/image_rect_raw'],
    ...['sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/Image'],
  ],
  'a camera that comes seconds late': [
    () => delayed(/^\/cam_high/, (3n * SECOND) / 2n),
    ...['/cam_high/camera/color/image_rect_raw', '1.50 s', '/follower_left/joint_states'],
  ],
  'commands that end before anything else begins': [
    () => delayed(COMMANDS, -5n * SECOND),
    ...['/follower_right/joint_states', '3.02 s'],
  ],
  'joint states that fall silent': [
    () => silent(/^\/follower_left\/joint_states/, SECOND / 2n, (3n * SECOND) / 2n),
    ...['/follower_left/joint_states', '0.51 s'],
  ],
  'a camera that ends early': [
    () => silent(/^\/cam_right/, SECOND / 2n, 9n * SECOND),
    ...['/cam_right_wrist/camera/color/image_rect_raw', '1.01 s'],
  ],
  'messages that are cut short': [
    () => said.map((one) => (one.topic.startsWith('/leader') ? { ...one, data: one.data.slice(0, 40) } : one)), // prettier-ignore
    ...['demo_0.mcap', '/leader_left/joint_states'],
  ],
};

describe('a bag that nothing is learned from', () => {
  for (const [what, [messages, ...named]] of Object.entries(FAULTS))
    it(`is left out and named with its topic: ${what}`, async () => {
      const folder = at('faults', what.replaceAll(' ', '-'));
      await writeBag(join(folder, 'demo'), messages());
      await writeBag(join(folder, 'whole'), said);
      const made = `${folder}-out`;
      const { code, out, failure } = await importBags(folder, made);
      assert.equal(code, 1);
      assertSaid(leftOut(out), 'demo', ...named);
      assertAbout(failure, { kind: 'invalid', subject: folder, names: ['1 of its 2 episodes'] });
      assert.deepEqual(await readdir(made), ['whole.mcap']);
    });

  for (const storage of ['mcap', 'sqlite3'] as const)
    it(`is left out where it was cut: ${storage}`, async () => {
      const folder = at('cut', storage);
      const path = await writeBag(join(folder, 'demo'), said, storage);
      const { length } = await readFile(path);
      await truncate(path, Math.floor(length / 2));
      const { code, out } = await importBags(join(folder, 'demo'), join(folder, 'out'));
      assert.equal(code, 1);
      assertSaid(leftOut(out), 'demo', basename(path));
      assert.deepEqual(await readdir(join(folder, 'out')), []);
    });

  it('is left out where joints are in other units, or are of another robot', async () => {
    const bag = at('units', 'demo');
    await writeBag(bag, said);
    const far = await smallAloha(at('far'), ({ arms }) => {
      for (const arm of arms) arm.gripper = { closed: 3, open: 3.2 };
    });
    const given = ['import-data', bag, '--out', at('units', 'out'), '--calibration', far];
    const { code, out } = await nalu(given);
    assert.equal(code, 1);
    assertSaid(leftOut(out), 'joint states, 0.00 s', 'left_gripper', '0 to 1');
  });

  it('is refused where its recorder left part of it beside it', async () => {
    const path = await writeBag(at('wal', 'demo'), said, 'sqlite3');
    await writeFile(`${path}-wal`, 'the rest');
    const { code, out } = await importBags(at('wal', 'demo'), at('wal', 'out'));
    assert.equal(code, 1);
    assertSaid(leftOut(out), 'demo_0.db3', 'demo_0.db3-wal', '8 bytes');
  });

  it('is refused where its messages are compressed one by one', async () => {
    const path = await writeBag(at('packed', 'demo'), said);
    await describeBag(at('packed', 'demo'), [path], '  compression_mode: MESSAGE\n');
    const { out } = await importBags(at('packed', 'demo'), at('packed', 'out'));
    assertSaid(leftOut(out), 'demo', 'ros2 bag convert');
  });

  it('is not imported, nor trained on, into its own folder', async () => {
    const bags = at('storages', 'transfer-cube');
    const out = join(bags, 'out');
    const imported = await importBags(bags, out);
    const trained = await nalu(['imitate', bags, '--calibration', calibration, '--out', out]);
    for (const { code, failure } of [imported, trained]) {
      assert.equal(code, 1);
      assertAbout(failure, { kind: 'invalid', subject: out, fields: ['--out'], names: [bags] });
    }
    assert.ok(!(await readdir(bags)).includes('out'));
  });

  it('is told what makes episodes of it where it is exported', async () => {
    const bag = at('export', 'demo');
    await writeBag(bag, said, 'sqlite3');
    const hinted = await nalu(['export', bag, '--out', at('exported')]);
    assertAbout(hinted.failure, { kind: 'missing', subject: bag, names: ['import-data'] });
  });

  it('asks for the calibration of its robot', async () => {
    const { code, failure } = await nalu(['import-data', at('wal', 'demo'), '--out', at('x')]);
    assert.equal(code, 1);
    assertAbout(failure, { kind: 'unsaid', subject: 'demo', fields: ['--calibration'] });
  });
});

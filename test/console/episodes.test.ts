import assert from 'node:assert/strict';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { type Console, openConsole } from '../../src/console/console.ts';
import { createEpisodeList } from '../../src/console/episodeList.ts';
import type { EpisodeLine, RequestName, Requests } from '../../src/console/protocol.ts';
import { labelsOf } from '../../src/episodes/labels.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { HORIZON, headerOf, play, recordAt, success } from '../episodes/recording.ts';
import { assertSaid } from '../refusals.ts';
import { type TestPage, openPage } from './client.ts';

const DATED = '2026-03-04T05-06-07-089Z-reach-3-0a1b2c3d';
const MARKUP = '<img src=x onerror=alert(1)>';

describe("the console's episodes", { timeout: 120_000 }, () => {
  let folder: string;
  let episodes: string;
  let console: Console;
  let page: TestPage;
  const labelled: [id: string, outcome: string][] = [];

  const at = (name: string) => join(episodes, name);
  const record = async (id: string) => {
    const recorder = await recordEpisode(episodes, { ...headerOf(id), policy: 'fake v0' });
    await play(recorder, 3);
    return recorder.finish({ ...success, steps: 15 });
  };
  /** Asks what must be answered. */
  const ask = async <Name extends RequestName>(
    request: Name,
    args: Requests[Name]['takes'],
  ): Promise<Requests[Name]['gives']> => {
    const reply = await page.ask(request, args);
    assert.ok(reply.ok, reply.says);
    return reply.value as Requests[Name]['gives'];
  };
  /** Asks what must be refused; gives the sentence why. */
  const refusal = async <Name extends RequestName>(
    request: Name,
    args: Requests[Name]['takes'],
  ) => {
    const reply = await page.ask(request, args);
    assert.ok(!reply.ok);
    return reply.says;
  };
  const lineOf = async (id: string) =>
    (await ask('episodes', null)).find((line) => line.id === id) as EpisodeLine;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-console-episodes-'));
    episodes = join(folder, 'episodes');
    await record(DATED);
    await record(MARKUP);
    const whole = await readFile(at(`${DATED}.mcap`));
    await writeFile(at('damaged.mcap'), whole.subarray(1000, 2000));
    await writeFile(at('growing.mcap.partial'), whole);
    const later = Date.now() / 1000 + 600;
    await utimes(at('growing.mcap.partial'), later, later);
    await writeFile(at('cut.mcap.partial'), whole);
    await truncate(at('cut.mcap.partial'), whole.length - 500);
    await utimes(at('cut.mcap.partial'), 1e9, 1e9);
    await writeFile(at('notes.txt'), 'nothing');
    console = await openConsole({
      ...{ access: { host: '127.0.0.1' }, port: 0, episodes: [episodes], answers: {} },
      onLabel: (...label) => labelled.push(label),
      log: () => undefined,
    });
    page = await openPage(console.url, { hello: { name: 'Ada' } });
    await page.until(() => page.topics.crew?.operator, 'the seat');
  });
  after(async () => {
    await page.close();
    await console.close();
    await rm(folder, { recursive: true });
  });

  it('are listed as they are: finished, damaged, cut off, being recorded', async () => {
    const lines = await ask('episodes', null);
    assert.deepEqual(
      lines.map(({ id, growing = false, outcome, problem }) => [id, growing, outcome, problem]),
      [
        [DATED, false, 'success', undefined],
        [MARKUP, false, 'success', undefined],
        ['cut', false, undefined, 'it was cut off; nalu recover makes it readable'],
        ['damaged', false, undefined, lines[3].problem],
        ['growing', true, undefined, undefined],
      ],
    );
    assertSaid(lines[3].problem!, 'damaged', 'nalu recover');
    const { at: time, task, policy, seconds } = lines[0];
    assert.deepEqual(
      [time, task, policy, seconds],
      [Date.UTC(2026, 2, 4, 5, 6, 7, 89), 'reach', 'fake v1', 0.3],
      'the version is the one that played',
    );
    assert.equal(lines[1].at, undefined);
  });

  it('are replayed: joints, commands, chunks and images by their times', async () => {
    const replay = await ask('episode', { id: DATED });
    assert.equal(replay.path, at(`${DATED}.mcap`));
    assert.deepEqual([replay.measured.length, replay.commands.length], [30, 30]);
    assert.deepEqual([...replay.times.slice(0, 3)], [0, 20, 40]);
    assert.deepEqual([...replay.measured.slice(2, 4)], [Math.fround(0.01), 0.5]);
    assert.deepEqual(
      replay.chunks.map(({ time, index, version, horizon }) => [time, index, version, horizon]),
      [0, 1, 2].map((i) => [100 * i, i, 'v1', HORIZON]),
    );
    assert.deepEqual(replay.chunks[1].rows, recordAt(1).actions);
    assert.deepEqual(replay.cameras, [{ name: 'cam_high', times: Float32Array.of(0, 100, 200) }]);
    assert.deepEqual([replay.outcome, replay.missing, replay.labels], ['success', [], []]);
    assert.equal(replay.policy, 'fake v1');
  });

  it('show the newest image of a camera at a time, as JPEG', async () => {
    const camera = 'cam_high';
    for (const [time, shown] of [
      [-5, 0],
      [99, 0],
      [100, 100],
      [1e6, 200],
    ]) {
      const picture = await ask('episodePicture', { id: DATED, camera, time });
      assert.equal(picture.time, shown);
      const { format, width, height } = await sharp(picture.jpeg).metadata();
      assert.deepEqual([format, width, height], ['jpeg', 16, 12]);
    }
    const none = { id: DATED, camera: 'cam_low', time: 0 };
    assertSaid(await refusal('episodePicture', none), 'no image', 'cam_low');
  });

  it('are listed once where two folders have the same file, and twice where the files differ', async () => {
    const [robot, learner] = [join(folder, 'robot'), join(folder, 'learner')];
    await Promise.all([robot, learner].map((path) => mkdir(path)));
    for (const path of [robot, learner])
      await copyFile(at(`${DATED}.mcap`), join(path, 'one.mcap'));
    await copyFile(at(`${DATED}.mcap`), join(learner, 'two.mcap'));
    await writeFile(join(robot, 'two.mcap'), 'another');
    const files = await createEpisodeList([learner, robot])();
    assert.deepEqual(
      files.map(({ path, line }) => [line.id, relative(folder, path)]),
      [
        ['one', 'learner/one.mcap'],
        ['two', 'learner/two.mcap'],
        ['robot/two.mcap', 'robot/two.mcap'],
      ],
    );
  });

  it('are downloaded as they are, each under its name, by a page alone', async () => {
    const fetched = async (id: string) => {
      const { address } = await ask('download', { id });
      return fetch(new URL(address, console.url));
    };
    for (const id of [DATED, MARKUP, 'damaged']) {
      const answer = await fetched(id);
      assert.equal(answer.status, 200);
      assert.ok((await readFile(at(`${id}.mcap`))).equals(Buffer.from(await answer.arrayBuffer())));
      const [, name] = /filename\*=UTF-8''(\S+)$/.exec(answer.headers.get('content-disposition')!)!;
      assert.equal(decodeURIComponent(name), `${id}.mcap`);
    }
    for (const id of ['../notes', '..', at(DATED), 'notes.txt'])
      assertSaid(await refusal('download', { id }), `"${id}"`, 'no episode');
    assertSaid(await refusal('download', { id: 'growing' }), 'growing', 'recorded');

    for (const path of [
      'download/',
      'download/x',
      `download/${DATED}.mcap`,
      'download/..%2fnotes.txt',
    ])
      // prettier-ignore
      assert.equal((await fetch(console.url + path)).status, 404, path);
    const { address } = await ask('download', { id: DATED });
    const url = new URL(address, console.url);
    assert.equal((await fetch(url, { method: 'POST' })).status, 405);
    assert.equal((await fetch(url, { headers: { origin: 'http://example.org' } })).status, 403);
    await rename(at(`${DATED}.mcap`), at('away'));
    assert.equal((await fetch(url)).status, 404, 'one that is gone');
    await rename(at('away'), at(`${DATED}.mcap`));
    assert.equal((await fetch(url)).status, 200);
  });

  it('are corrected by whoever operates; list, replay and robot hear of it', async () => {
    const before = await readFile(at(`${MARKUP}.mcap`)).catch(() => undefined);
    await ask('label', { id: MARKUP, outcome: 'failure', note: 'fell' });
    const { outcome, recorded } = await lineOf(MARKUP);
    assert.deepEqual([outcome, recorded], ['failure', 'success']);
    const { labels } = await ask('episode', { id: MARKUP });
    assert.deepEqual(
      labels.map(({ by, outcome, note }) => ({ by, outcome, note })),
      [{ by: 'Ada', outcome: 'failure', note: 'fell' }],
    );
    assert.equal((await labelsOf(at(`${MARKUP}.mcap`))).length, 1);
    assert.deepEqual(await readFile(at(`${MARKUP}.mcap`)).catch(() => undefined), before);
    await page.until(() => labelled.length === 1, 'the label');
    assert.deepEqual(labelled, [[MARKUP, 'failure']]);
  });

  it('that are cut off are replayed as far as they go, and not labelled', async () => {
    const { missing } = await ask('episode', { id: 'cut' });
    assert.ok(missing.length > 0);
    assertSaid(await refusal('label', { id: 'cut', outcome: 'success' }), '"cut"', 'labelled', 'cut off'); // prettier-ignore
  });

  it('that are recorded, damaged, removed or elsewhere are told, and nothing breaks', async () => {
    await record('gone');
    await ask('episodes', null);
    await rm(at('gone.mcap'));
    const told: [string, ...string[]][] = [
      ['growing', 'growing', 'being recorded'],
      ['damaged', at('damaged.mcap')],
      ['gone', 'no episode', 'gone'],
      ['../episodes/cut', 'no episode', '"../episodes/cut"'],
      ['/etc/passwd', 'no episode', '/etc/passwd'],
      ['__proto__', 'no episode', '__proto__'],
    ];
    for (const [id, ...names] of told)
      assertSaid(await refusal('episodePicture', { id, camera: 'cam_high', time: 0 }), ...names);
    assert.equal(await lineOf('gone'), undefined);
    assertSaid(await refusal('label', { id: 'gone', outcome: 'failure' }), 'no episode', 'gone');
  });

  it('are written as a data set, those that are selected, and one whose name is taken is refused', async () => {
    const out = join(folder, 'set');
    const reply = await page.ask('exportEpisodes', { ids: [DATED], out });
    assert.ok(reply.ok, reply.says);
    assertSaid(reply.says!, '1 of 1 episodes', '15 rows');
    assert.deepEqual((await readdir(out)).sort(), ['data', 'meta']);
    assertSaid(await refusal('exportEpisodes', { ids: [DATED], out }), out, 'there already');
    assertSaid(await refusal('exportEpisodes', { ids: ['none'], out }), 'no episode', 'none');
  });
});

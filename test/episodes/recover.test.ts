import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFile,
  link,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isThere } from '../../src/files/isThere.ts';
import { beingWritten } from '../../src/episodes/beingWritten.ts';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { readMcap } from '../../src/episodes/readMcap.ts';
import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { recoverEpisode } from '../../src/episodes/recoverEpisode.ts';
import { nalu } from '../cli/nalu.ts';
import { assertAbout, assertRejectsAbout, assertSaid } from '../refusals.ts';
import { headerOf, play, recordAt, observationAt, success } from './recording.ts';

const folder = await mkdtemp(join(tmpdir(), 'nalu-recover-'));
after(() => rm(folder, { recursive: true }));

const record = async (id: string, chunks = 3) => {
  const recorder = await recordEpisode(folder, headerOf(id));
  await play(recorder, chunks);
  return recorder.finish({ ...success, steps: chunks * 5 });
};
const whole = await record('whole');
/** As a killed process leaves it: all but the end. */
const partial = async (id: string, from = whole) => {
  const path = join(folder, `${id}.mcap.partial`);
  const bytes = await readFile(from);
  await writeFile(path, bytes.subarray(0, bytes.indexOf('nalu/result') - 13));
  return path;
};
const node = (script: string, args: string[]): ChildProcess =>
  spawn(process.execPath, [join(import.meta.dirname, script), ...args], { stdio: 'ignore' });

describe('recover', () => {
  it('never overwrites a finished file, and keeps its input then', async () => {
    const path = await partial('taken');
    const finished = join(folder, 'taken.mcap');
    await copyFile(whole, finished);
    await assertRejectsAbout(recoverEpisode(path), { kind: 'exists', subject: 'taken.mcap' });
    assert.ok((await readFile(finished)).equals(await readFile(whole)));
    assert.ok(await isThere(path));
  });

  it('takes away the second name that a kill while a file was named leaves', async () => {
    const finished = join(folder, 'named.mcap');
    await copyFile(whole, finished);
    await link(finished, `${finished}.partial`);
    assert.equal((await recoverEpisode(`${finished}.partial`)).loss, null);
    assert.equal(await isThere(`${finished}.partial`), false);
    assert.ok((await readFile(finished)).equals(await readFile(whole)));
  });

  it('keeps a recording that the finished name is a link to', async () => {
    const path = await partial('linked');
    await symlink('linked.mcap.partial', join(folder, 'linked.mcap'));
    await assertRejectsAbout(recoverEpisode(path), { kind: 'exists', subject: 'linked.mcap' });
    assert.ok(await isThere(path));
  });

  it('writes to no file that its draft is a link to', async () => {
    const path = await partial('draft');
    const other = join(folder, 'other.txt');
    await writeFile(other, 'kept');
    await symlink(other, `${path}.recovered`);
    assert.equal((await recoverEpisode(path)).stays, false);
    assert.equal(await readFile(other, 'utf8'), 'kept');
  });

  it('tells of messages that are gone without a trace, and keeps its input then', async () => {
    const path = await partial('gap', await record('gaps', 30));
    const bytes = await readFile(path);
    const { messages } = await readMcap(path);
    const places = [...new Set(messages.map(({ place }) => place.at))];
    await writeFile(path, Buffer.concat([bytes.subarray(0, places[1]), bytes.subarray(places[2])]));
    const { loss, stays, path: anew } = await recoverEpisode(path);
    assert.equal(loss!.messages, messages.filter(({ place }) => place.at === places[1]).length);
    assert.equal(loss!.places, 0);
    assert.ok(stays);
    const { missing } = await readEpisode(anew);
    assertSaid(missing.join('\n'), `${loss!.messages} messages`);
  });

  it('keeps a file to which another was joined, and takes zeros behind one for nothing', async () => {
    const bytes = await readFile(whole);
    const joined = join(folder, 'joined.mcap.partial');
    await writeFile(joined, Buffer.concat([bytes, bytes]));
    const { messages, loss, stays } = await recoverEpisode(joined);
    assert.equal(messages, (await readMcap(whole)).messages.length);
    assert.equal(loss?.bytes, bytes.length);
    assert.ok(stays && (await isThere(joined)));
    const padded = join(folder, 'padded.mcap.partial');
    await writeFile(padded, Buffer.concat([bytes, Buffer.alloc(4096)]));
    assert.equal((await recoverEpisode(padded)).loss, null);
  });

  it('remembers what an earlier recovery has lost', async () => {
    const damage = async (path: string, at: number) => {
      const bytes = await readFile(path);
      const chunks = [...new Set((await readMcap(path)).messages.map(({ place }) => place.at))];
      bytes[chunks.at(at)! + 100] ^= 1;
      await writeFile(path, bytes);
    };
    const path = await partial('again', await record('damages', 30));
    await damage(path, 1);
    const { path: once, loss: first } = await recoverEpisode(path);
    await damage(once, -2);
    const { path: twice, loss: second } = await recoverEpisode(once);
    const { missing } = await readEpisode(twice);
    assertSaid(missing.join('\n'), ...[first, second].map((loss) => `${loss!.messages} messages`));
  });

  it('does not wait for a pipe, nor takes one file under two names for two', async () => {
    const pipe = join(folder, 'pipe.mcap.partial');
    execFileSync('mkfifo', [pipe]);
    await assertRejectsAbout(recoverEpisode(pipe), {
      kind: 'invalid',
      subject: 'pipe.mcap.partial',
    });
    const path = await partial('twice');
    const { code } = await nalu([
      'recover',
      path,
      [folder, '..', basename(folder), 'twice.mcap.partial'].join('/'),
    ]);
    assert.equal(code, 0);
  });

  it('tells of messages in a file of which nothing says that it is an episode', async () => {
    const path = await partial('headless');
    const bytes = await readFile(path);
    for (let at; (at = bytes.indexOf('nalu/header')) >= 0;) bytes[at] ^= 1;
    await writeFile(path, bytes);
    const { messages } = await readMcap(path);
    await assertRejectsAbout(recoverEpisode(path), { kind: 'invalid', subject: path, names: [`${messages.length} messages`] }); // prettier-ignore
  });

  it('writes a damaged finished file anew beside it, with its result', async () => {
    const path = join(folder, 'damaged.mcap');
    const bytes = await readFile(whole);
    bytes[Math.floor(bytes.length / 3)] ^= 1;
    await writeFile(path, bytes);
    const { path: anew, loss, stays } = await recoverEpisode(path);
    assert.equal(anew, join(folder, 'damaged.recovered.mcap'));
    assert.ok(loss!.messages > 0 && stays);
    assert.ok((await readFile(path)).equals(bytes));
    const { result, missing } = await readEpisode(anew);
    assert.equal(result?.outcome, 'success');
    assertSaid(missing.join('\n'), `${loss!.messages} messages`, `${loss!.seconds.toFixed(2)} s`);
    assert.ok(loss!.seconds < 1);
  });

  it('says that a result was there where its record is damaged, whether the file was named or not', async () => {
    const bytes = await readFile(whole);
    bytes[bytes.indexOf('success', bytes.indexOf('nalu/result'))] ^= 1;
    for (const name of ['unsaid.mcap', 'unsaid-yet.mcap.partial']) {
      const path = join(folder, name);
      await writeFile(path, bytes);
      const { code, out } = await nalu(['recover', path]);
      assert.equal(code, 0);
      assertSaid(out.trim(), path, 'discarded', '0 messages', 'its result');
      const [, anew] = / → (.*\.mcap): /.exec(out)!;
      const { result, missing } = await readEpisode(anew);
      assert.equal(result?.outcome, 'discarded');
      assertSaid(missing.join('\n'), '0 messages', 'its result');
      assert.ok((await readFile(path)).equals(bytes));
    }
    const { loss } = await recoverEpisode(await partial('without'));
    assert.equal(loss, null);
  });

  it('goes on to the next file, tells of each, and fails if one was not recovered', async () => {
    const [first, last] = [await partial('first'), await partial('last')];
    const empty = join(folder, 'empty.mcap.partial');
    await writeFile(empty, '');
    const { code, out, failure } = await nalu(['recover', first, empty, last]);
    assert.notEqual(code, 0);
    for (const path of [first, last])
      assert.ok(out.includes(`${path} → ${path.replace('.partial', '')}: `), out);
    assertAbout(failure, { kind: 'invalid', subject: 'empty.mcap.partial' });
  });

  it(
    'killed at any moment leaves its input or its output whole',
    { timeout: 120_000 },
    async () => {
      const messages = (await readMcap(await partial('killed'))).messages.length;
      let cut = 0;
      for (let round = 0; round < 25; round++) {
        const path = await partial(`killed-${round}`);
        const child = node('recoverProcess.js', [path]);
        const closed = once(child, 'close');
        await once(
          child.on('message', () => undefined),
          'spawn',
        ).catch(() => undefined);
        await setTimeout(60 + Math.random() * 250);
        child.kill('SIGKILL');
        await closed;
        const output = path.replace('.partial', '');
        const [input, done] = [await isThere(path), await isThere(output)];
        assert.ok(input || done);
        cut += Number(!done);
        if (done) assert.deepEqual((await readEpisode(output)).missing, []);
        if (input && !done) {
          assert.equal((await readMcap(path)).messages.length, messages);
          await recoverEpisode(path);
        }
        assert.equal((await readMcap(output)).messages.length, messages);
      }
      assert.ok(cut > 0, 'no kill came before the end');
    },
  );
});

describe('a file that is being recorded', () => {
  it('is known while it is written, under any name, and left alone', async () => {
    const recorder = await recordEpisode(folder, headerOf('live'));
    await play(recorder, 2);
    await recorder.room();
    const path = join(folder, 'live.mcap.partial');
    const other = join(folder, 'other.mcap.partial');
    await link(path, other);
    assert.deepEqual(await beingWritten([path, whole, other]), new Set([path, other]));
    const { code, failure } = await nalu(['recover', path]);
    assert.notEqual(code, 0);
    assertAbout(failure, { kind: 'unready', subject: 'live.mcap.partial' });
    await play(recorder, 2);
    const { joints, missing } = await readEpisode(await recorder.finish(success));
    assert.deepEqual([joints.length, missing], [20, []]);
  });

  it('is free again as soon as its process is dead', async () => {
    const into = join(folder, 'dead');
    const child = node('recorderProcess.js', [into]);
    const closed = once(child, 'close');
    for (let i = 0; i < 500 && !(await isThere(into)); i++) await setTimeout(10);
    child.kill('SIGKILL');
    await closed;
    const left = (await readdir(into)).map((name) => join(into, name));
    assert.deepEqual(await beingWritten(left), new Set());
  });

  it('keeps its end and its name if somebody renames it', async () => {
    for (const other of ['moved.mcap.partial', 'renamed.mcap']) {
      const recorder = await recordEpisode(folder, headerOf('renamed'));
      await play(recorder, 1);
      await rename(join(folder, 'renamed.mcap.partial'), join(folder, other));
      await play(recorder, 1);
      const path = await recorder.finish(success);
      assert.equal(path, join(folder, 'renamed.mcap'));
      assert.equal((await readEpisode(path)).joints.length, 10);
      await rm(path);
    }
  });

  it('stays beside an episode that has taken its name in the meantime', async () => {
    const recorder = await recordEpisode(folder, headerOf('late'));
    await play(recorder, 1);
    await copyFile(whole, join(folder, 'late.mcap'));
    await assertRejectsAbout(recorder.finish(success), { kind: 'exists', subject: 'late.mcap' });
    assert.ok((await readFile(join(folder, 'late.mcap'))).equals(await readFile(whole)));
    assert.equal((await readEpisode(join(folder, 'late.mcap.partial'))).joints.length, 5);
  });
});

describe('text beyond ASCII', () => {
  it('comes back whole from every place of an episode', async () => {
    const text = 'Prüfstand-7 · 機械 · 🤖 · ā';
    const camera = { name: 'kamera_ö', width: 16, height: 12 };
    const head = headerOf('utf8');
    const embodiment = {
      ...head.embodiment,
      joints: head.embodiment.joints.map((joint) => ({ ...joint, name: `${joint.name} ${text}` })),
      cameras: [camera],
    };
    const recorder = await recordEpisode(folder, {
      ...head,
      embodiment,
      task: text,
      prompt: text,
      policy: text,
    });
    const observation = observationAt(0);
    const [frame] = observation.frames;
    recorder.sampled({ ...observation, frames: [{ ...frame, camera: camera.name }] }, recordAt(0).actions); // prettier-ignore
    const given = {
      ...recordAt(0),
      policyVersion: text,
      frameStamps: { [camera.name]: frame.stamp },
    };
    recorder.joints(observation.joints);
    recorder.command(frame.stamp, observation.joints.position);
    recorder.played(given);
    const path = await recorder.finish({ ...success, problem: text });
    const episode = await readEpisode(path);
    const { header, result, chunks, joints, missing } = episode;
    assert.deepEqual(missing, []);
    assert.deepEqual(header, { ...head, embodiment, task: text, prompt: text, policy: text });
    assert.equal(result?.problem, text);
    assert.deepEqual(chunks, [given]);
    assert.deepEqual(joints, [observation.joints]);
    assert.ok(episode.image(camera.name, frame.stamp));
  });
});

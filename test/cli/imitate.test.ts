import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { writeTinyAloha } from '../adapting/tinyAloha.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaidIn } from '../refusals.ts';
import { trainingFiles } from '../../src/training/folder.ts';
import { assertFails, nalu } from './nalu.ts';
import { writeDemonstrations } from './writeDemonstrations.ts';

const SMALL = ['--batch', '2', '--samples', '1'];
const QUICK = [...SMALL, '--attempts', '0'];

interface LogLine {
  step: number;
  loss?: number;
  rate?: number;
  evaluation?: { episodes: number; randomNoise: number; zeroNoise: number; once?: boolean };
}

const logOf = async (out: string) =>
  (await readFile(join(out, 'training/log.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);

describe('nalu imitate', () => {
  let folder: string;
  let demos: string;
  /** A policy that is trained quickly. */
  let tiny: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-imitate-'));
    [demos, tiny] = ['demos', 'tiny'].map((name) => join(folder, name));
    await writeTinyAloha(tiny);
    await writeDemonstrations(demos);
  });
  after(() => rm(folder, { recursive: true }));

  it('makes a bundle of demonstrations, with a log and a curve', () =>
    withFolder(async (out) => {
      const args = ['imitate', demos, '--out', out, ...QUICK, '--steps', '3'];
      const { code, out: said, err } = await nalu(args);
      assert.equal(code, 0, err);
      assertSaidIn(said, '2 episodes');
      const bundle = await loadBundle(out);
      assert.notEqual(bundle.transforms.length, 0);
      assert.deepEqual(bundle.tasks, { 'transfer-cube': 'Transfer cube' });
      const log = await logOf(out);
      assert.ok(log.some(({ step, loss }) => step === 3 && Number.isFinite(loss)));
      assert.match(await readFile(join(out, 'training/loss.svg'), 'utf8'), /^<svg/);
    }));

  it('makes a policy that writes tokens, with an action tokenizer of the demonstrations, in the sizes that there are', () =>
    withFolder(async (out) => {
      const args = ['imitate', demos, '--out', out, '--family', 'pi0-fast', '--batch', '1'];
      const rest = ['--attempts', '1', '--no-augmentation', '--steps', '1'];
      await assertFails([...args, ...rest, '--size', 'full'], {
        ...{ kind: 'unsupported', subject: '--size' },
        names: ['pi0-fast', 'mini'],
      });
      const { code, out: said, err } = await nalu([...args, ...rest]);
      assert.equal(code, 0, err);
      assert.equal((await nalu(['verify', out, '--write'])).code, 0);
      const { family, transforms, hasGolden } = await loadBundle(out);
      assert.equal(family, 'pi0-fast');
      assert.deepEqual([transforms.map(({ type }) => type), hasGolden], [['quantile'], true]);
      // After a step its tokens are no chunk: the attempts have failed, and the run goes on.
      const evaluated = (await logOf(out)).find(({ evaluation }) => evaluation);
      const once = { episodes: 1, randomNoise: 0, zeroNoise: 0, once: true };
      assert.deepEqual(evaluated?.evaluation, once);
      assertSaidIn(said, 'success of 1 attempts', 'made once');
    }));

  it('gives the same bundle when it is stopped and resumed as when it runs through', () =>
    withFolder(async (root) => {
      const [through, resumed] = ['a', 'b'].map((name) => join(root, name));
      const args = (out: string) => [
        ...['imitate', demos, '--out', out, '--from', tiny],
        ...[...QUICK, '--steps', '30'],
      ];
      assert.equal((await nalu(args(through))).code, 0);
      const stop = new AbortController();
      const onOutput = (text: string) => text.includes('step 20/30') && stop.abort();
      const stopped = await nalu(args(resumed), { signal: stop.signal, onOutput });
      assert.equal(stopped.code, 130, stopped.err);
      assertSaidIn(stopped.out, '--resume');
      assert.equal((await nalu(['verify', resumed, '--write'])).code, 0);
      const { code, err } = await nalu([...args(resumed), '--resume']);
      assert.equal(code, 0, err);
      assert.equal((await loadBundle(resumed)).hasGolden, false, 'they are of other weights');
      const weights = (out: string) => readFile(join(out, 'model.safetensors'));
      assert.ok((await weights(through)).equals(await weights(resumed)));
    }));

  it('trains an adapter of a policy, which stays as it is, and evaluates the adapted policy', () =>
    withFolder(async (root) => {
      const [from, out] = ['from', 'out'].map((name) => join(root, name));
      await writeTinyAloha(from);
      const what = ['--from', from, '--train', 'lora', '--rank', '2', '--layers', '1'];
      const { code, err } = await nalu([
        ...['imitate', demos, '--out', out, ...what, ...SMALL],
        ...['--steps', '2', '--attempts', '1'],
      ]);
      assert.equal(code, 0, err);
      const [before, after] = await Promise.all([loadBundle(from), loadBundle(out)]);
      assert.equal(after.base, before.base);
      assert.deepEqual(after.trainable, { parameters: 'lora', rank: 2, layers: [1] });
      assert.match(after.version, new RegExp(`^${before.version}\\+`));
      const evaluated = (await logOf(out)).find(({ evaluation }) => evaluation);
      assert.equal(evaluated?.evaluation?.episodes, 1);
      assert.match(await readFile(join(out, 'training/loss.svg'), 'utf8'), /^<svg/);
    }));

  it('does not train over a run that is there, nor resume one of other settings', () =>
    withFolder(async (out) => {
      const args = ['imitate', demos, '--out', out, '--from', tiny, ...QUICK, '--steps', '1'];
      assert.equal((await nalu(args)).code, 0);
      const subject = trainingFiles(out).checkpoint;
      await assertFails(args, { kind: 'exists', subject, names: ['--resume'] });
      await assertFails([...args, '--resume', '--seed', '9'], {
        ...{ kind: 'mismatch', subject },
        names: ['--seed: 0', '9 now'],
      });
    }));

  it('trains over no bundle unless told, over its own source never, and then leaves nothing of it', () =>
    withFolder(async (root) => {
      const [out, link] = ['policy', 'link'].map((name) => join(root, name));
      await writeTinyAloha(out);
      assert.equal((await nalu(['verify', out, '--write'])).code, 0);
      await writeFile(join(out, 'README.md'), 'mine');
      await symlink(out, link);
      const args = ['imitate', demos, ...QUICK, '--steps', '1'];
      const before = await loadBundle(out);
      for (const [given, about] of [
        [[], { kind: 'exists', subject: out, names: ['--out', '--force'] }],
        [['--from', link, '--force'], { kind: 'exists', subject: out, names: [link] }],
        [['--resume', '--force'], { kind: 'invalid', subject: '--force', names: ['--resume'] }],
      ] as const) {
        await assertFails([...args, '--out', out, ...given], about);
        assert.deepEqual(await loadBundle(out), before);
      }
      const bad = await nalu(['imitate', '/nowhere', ...QUICK, '--out', out, '--force']);
      assert.equal(bad.code, 1);
      assert.deepEqual(await loadBundle(out), before);

      const forced = await nalu([...args, '--out', out, '--force']);
      assert.equal(forced.code, 0, forced.err);
      const after = await loadBundle(out);
      assert.notEqual(after.version, before.version);
      assert.equal(after.hasGolden, false);
      assert.equal(await readFile(join(out, 'README.md'), 'utf8'), 'mine');
      assert.equal((await logOf(out)).at(-1)?.step, 1);
    }));

  it('goes on only from the policy and with the demonstrations that it was begun with, and names both', () =>
    withFolder(async (root) => {
      const [one, other, out, fewer] = ['1', '2', 'out', 'fewer'].map((name) => join(root, name));
      await writeTinyAloha(one, 1);
      await writeTinyAloha(other, 2);
      const [{ base: first }, { base: second }] = [await loadBundle(one), await loadBundle(other)];
      const lineOf = (episodes: string, ...rest: string[]) => [
        ...['imitate', episodes, '--out', out, ...QUICK, '--steps', '1', '--train', 'expert'],
        ...rest,
      ];
      const run = (...rest: string[]) => nalu(lineOf(demos, ...rest));
      assert.equal((await run('--from', one)).code, 0);

      const differs = (names: string[]) => ({
        ...{ kind: 'mismatch' as const, subject: trainingFiles(out).checkpoint },
        names,
      });
      await assertFails(
        lineOf(demos, '--from', other, '--resume'),
        differs([`"${one}" then`, `"${other}" now`, `"${first}" then`, `"${second}" now`]),
      );
      await mkdir(fewer);
      const [episode] = await readdir(demos);
      await copyFile(join(demos, episode), join(fewer, episode));
      const less = await assertFails(lineOf(fewer, '--from', one, '--resume'), differs([]));
      assert.match(less.err, /: "[0-9a-f]{12}" then, "[0-9a-f]{12}" now/);
      await assertFails(
        lineOf(demos, '--from', one, '--resume', '--task', 'insertion'),
        differs(['--task', '"transfer-cube" then', '"insertion" now']),
      );

      await rename(one, `${one}-moved`);
      for (const from of [['--from', `${one}-moved`], []])
        assert.equal((await run(...from, '--resume')).code, 0);
    }));

  it('names the episodes that it leaves out and refuses where nothing is left', () =>
    withFolder(async (root) => {
      const broken = join(root, 'broken');
      await mkdir(broken);
      await writeFile(join(broken, 'one.mcap'), 'no episode');
      const { out } = await assertFails(['imitate', broken, '--out', join(root, 'out')], {
        ...{ kind: 'invalid', subject: broken },
        names: ['none of its 1 episodes'],
      });
      assertSaidIn(out, 'left out', 'one.mcap');
      assertSaidIn(out, 'left out 1 of 1 episodes');
    }));

  it('says what to do where there are no episodes', () =>
    withFolder(async (out) => {
      await assertFails(['imitate', '/nowhere', '--out', out], {
        ...{ kind: 'missing', subject: '/nowhere' },
        names: ['npx nalu demos'],
      });
    }));

  it('takes the normalisation of other demonstrations only where all of the policy learns', () =>
    withFolder(async (root) => {
      const [from, out] = ['from', 'out'].map((name) => join(root, name));
      const args = ['imitate', demos, '--steps', '1', ...QUICK];
      assert.equal((await nalu([...args, '--from', tiny, '--renormalise', '--out', from])).code, 0);
      const bundle = await loadBundle(from);
      const policy = join(from, 'policy.json');
      const own = await readFile(policy, 'utf8');
      await writeFile(policy, own.replace(/"mean": \[\s+[-\d.]+/, '"mean": [ 0.25'));
      const again = [...args, '--from', from, '--out', out, '--renormalise'];
      await assertFails([...again, '--train', 'expert'], {
        ...{ kind: 'invalid', subject: '--renormalise' },
        names: ['--train all'],
      });
      assert.equal((await nalu(again)).code, 0);
      const learned = (await loadBundle(out)).transforms;
      assert.deepEqual(learned, bundle.transforms);
      assert.notDeepEqual(learned, (await loadBundle(from)).transforms);
    }));
});

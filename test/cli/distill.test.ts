import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { loadBundle, writeConfig } from '../../src/policy/bundle/bundle.ts';
import { configOf } from '../../src/policy/bundle/config.ts';
import { learnableOf } from '../../src/policy/families/registry.ts';
import { loadSafetensors } from '../../src/tensors/safetensors.ts';
import { writeTinyAloha } from '../adapting/tinyAloha.ts';
import { withFolder } from '../onnx/run.ts';
import { writeOnnxPolicy } from '../policy/onnxPolicy.ts';
import { assertSaidIn } from '../refusals.ts';
import { assertFails, nalu } from './nalu.ts';
import { trainingFiles } from '../../src/training/folder.ts';
import { writeDemonstrations } from './writeDemonstrations.ts';

const weightsOf = async (bundle: string) =>
  (await loadSafetensors(join(bundle, 'model.safetensors'))).tensors;

/** What the teacher was trained for, which its student says too. */
const TASKS = { 'transfer-cube': 'Transfer cube' };

const SMALL = ['--batch', '2', '--attempts', '0'];

describe('nalu distill', () => {
  let folder: string;
  let demos: string;
  /** A policy of four network calls a chunk. */
  let teacher: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-distill-'));
    [demos, teacher] = ['demos', 'teacher'].map((name) => join(folder, name));
    await writeTinyAloha(teacher);
    await writeConfig(teacher, { ...configOf(await loadBundle(teacher)), tasks: TASKS });
    await writeDemonstrations(demos);
  });
  after(() => rm(folder, { recursive: true }));

  it('makes a bundle of one network call, whose action expert alone is another, and which runs', () =>
    withFolder(async (out) => {
      const args = ['distill', teacher, '--episodes', demos, '--out', out, '--batch', '2'];
      const {
        code,
        out: said,
        err,
      } = await nalu([...args, ...['--steps', '3', '--attempts', '1', '--task', 'insertion']]);
      assert.equal(code, 0, err);
      assertSaidIn(said, 'insertion', 'transfer-cube');
      assertSaidIn(said, `npx nalu sim --policy ${out} --task insertion --episodes 200`);
      assertSaidIn(said, '2 episodes');
      assertSaidIn(said, 'step 3/3', '1 attempts');
      const [before, after] = [await loadBundle(teacher), await loadBundle(out)];
      assert.deepEqual(after.integration, { steps: 1, solver: 'euler' });
      assert.deepEqual(after.tasks, TASKS);
      const own = ['integration', 'name', 'description'];
      const rest = (bundle: object) => Object.entries(bundle).filter(([key]) => !own.includes(key));
      assert.deepEqual(rest(configOf(after)), rest(configOf(before)));

      const expert = learnableOf(before).parameters({ parameters: 'expert' });
      const [was, is] = await Promise.all([teacher, out].map(weightsOf));
      const changed = [...was].filter(([name, { data }]) => !isDeepStrictEqual(data, is.get(name)!.data)); // prettier-ignore
      assert.ok(changed.length > 0);
      assert.ok(changed.every(([name]) => expert.some((one) => one.name === name)));

      const sim = await nalu(['sim', '--policy', out, '--join', 'approximate', '--json']);
      assert.equal(sim.code, 0, sim.err);
      assert.match(await readFile(join(out, 'training/loss.svg'), 'utf8'), /^<svg/);
    }));

  it('gives the same bundle when it is stopped and resumed as when it runs through', () =>
    withFolder(async (root) => {
      const [through, resumed] = ['a', 'b'].map((name) => join(root, name));
      const args = (out: string) => [
        ...['distill', teacher, '--episodes', demos, '--out', out],
        ...[...SMALL, '--steps', '30'],
      ];
      assert.equal((await nalu(args(through))).code, 0);
      const stop = new AbortController();
      const onOutput = (text: string) => text.includes('step 20/30') && stop.abort();
      const stopped = await nalu(args(resumed), { signal: stop.signal, onOutput });
      assert.equal(stopped.code, 130, stopped.err);
      assertSaidIn(stopped.out, 'step 20/30');
      await assertFails([...args(resumed), '--seed', '9', '--resume'], {
        ...{ kind: 'mismatch', subject: trainingFiles(resumed).checkpoint },
        names: ['--seed: 0', '9 now'],
      });
      const { code, err } = await nalu([...args(resumed), '--resume']);
      assert.equal(code, 0, err);
      const weights = (out: string) => readFile(join(out, 'model.safetensors'));
      assert.ok((await weights(through)).equals(await weights(resumed)));
    }));

  it('refuses what it cannot distil or learn from, says why, and changes nothing', () =>
    withFolder(async (root) => {
      const [out, oneStep, onnx, other] = ['out', 'one', 'onnx', 'other'].map((name) =>
        join(root, name),
      );
      for (const place of [oneStep, other]) await writeTinyAloha(place);
      const config = configOf(await loadBundle(oneStep));
      await writeConfig(oneStep, { ...config, integration: { steps: 1, solver: 'euler' } });
      await writeConfig(other, { ...config, embodiment: 'so100' });
      const seen = { cameras: ['cam_high'] as [string], width: 8, height: 8 };
      await mkdir(onnx);
      await writeOnnxPolicy(onnx, { embodiment: 'aloha', joints: 14, ...seen });
      const nowhere = join(root, 'nowhere');
      const further = ['--episodes', demos, ...SMALL];
      for (const [bundle, place, about] of [
        [oneStep, out, { kind: 'unsupported', subject: oneStep, fields: ['steps'] }],
        [onnx, out, { kind: 'unsupported', subject: onnx, names: ['onnx'] }],
        [other, out, { kind: 'invalid', subject: demos, names: ['none of its 2 episodes'] }],
        [nowhere, out, { kind: 'missing', subject: join(nowhere, 'policy.json') }],
        [teacher, teacher, { kind: 'exists', subject: teacher, fields: ['--out'] }],
        [teacher, oneStep, { kind: 'exists', subject: oneStep, names: ['--force'] }],
      ] as const) {
        const ended = await assertFails(['distill', bundle, '--out', place, ...further], about);
        if (bundle === other) assertSaidIn(ended.out, 'aloha', 'so100');
        await assert.rejects(readFile(join(out, 'policy.json')), /ENOENT/);
      }
      const empty = join(root, 'empty');
      await assertFails(['distill', teacher, '--episodes', empty, '--out', out], {
        ...{ kind: 'missing', subject: empty },
        names: ['npx nalu demos'],
      });

      const args = ['distill', teacher, '--episodes', demos, '--out', out, '--attempts', '0'];
      await assertFails([...args, '--batch', '100000000'], {
        ...{ kind: 'invalid', subject: '--batch' },
        names: [100000000, 'GB'],
      });
      await assert.rejects(readFile(join(out, 'policy.json')), /ENOENT/);

      await assertFails(['imitate', demos, '--from', oneStep, '--out', out], {
        ...{ kind: 'unsupported', subject: oneStep, fields: ['steps'] },
      });
    }));
});

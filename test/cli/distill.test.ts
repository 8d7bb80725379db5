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
import { nalu } from './nalu.ts';
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
      assert.match(said, /evaluations are of insertion, these episodes of transfer-cube/);
      assert.match(said, /Next: npx nalu sim --policy .* --task insertion --episodes 200/);
      assert.match(said, /observations of 2 episodes/);
      assert.match(said, /step 3\/3 {2}success of 1 attempts each/);
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
      assert.match(stopped.out, /about .* left/);
      const other = await nalu([...args(resumed), '--seed', '9', '--resume']);
      assert.equal(other.code, 1);
      assert.match(other.err, /--seed: 0 then, 9 now/);
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
      for (const [bundle, place, message] of [
        [oneStep, out, /makes its chunks in one network call already/],
        [onnx, out, /family onnx does not learn/],
        [other, out, /none of its 2 episodes can be learned from/],
        [join(root, 'nowhere'), out, /nowhere.policy\.json: cannot be read/],
        [teacher, teacher, /are one folder, and what is there would be trained away/],
        [teacher, oneStep, /policy bundle already; name another --out, or say --force/],
      ] as const) {
        const ended = await nalu([
          'distill',
          bundle,
          '--episodes',
          demos,
          '--out',
          place,
          ...SMALL,
        ]);
        assert.equal(ended.code, 1);
        assert.match(ended.err, message);
        if (bundle === other) assert.match(ended.out, /of the embodiment aloha, not so100/);
        await assert.rejects(readFile(join(out, 'policy.json')), /ENOENT/);
      }
      const none = await nalu([
        'distill',
        teacher,
        '--episodes',
        join(root, 'empty'),
        '--out',
        out,
      ]);
      assert.match(none.err, /empty: no episodes there\. npx nalu demos/);

      const args = ['distill', teacher, '--episodes', demos, '--out', out, '--attempts', '0'];
      const large = await nalu([...args, '--batch', '100000000']);
      assert.match(large.err, /--batch 100000000: its images would take .* GB; give at most \d+/);
      await assert.rejects(readFile(join(out, 'policy.json')), /ENOENT/);

      const further = await nalu(['imitate', demos, '--from', oneStep, '--out', out]);
      assert.match(
        further.err,
        /imitation trains a flow of several; go on from a policy that takes/,
      );
    }));
});

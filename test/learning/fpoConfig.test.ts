import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { methodBeginning } from '../../src/learning/begun.ts';
import { type FpoConfig, loadFpoConfig } from '../../src/learning/fpo/config.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';

/** The configuration of a YAML file with this content, where the command's seed is 7. */
const load = (content: unknown): Promise<FpoConfig> =>
  withFolder(async (folder) => {
    const path = join(folder, 'learn.yaml');
    await writeFile(path, stringify(content));
    return loadFpoConfig(path, 7);
  });

const refuse = (content: unknown, fields: readonly string[]) =>
  assertRejectsAbout(load(content), { kind: 'invalid', subject: 'learn.yaml', fields });

/** Settings as they are written now, each away from its default. */
const NOW = {
  fpo: {
    trainable: { parameters: 'lora', rank: 4 },
    ...{ seed: 1, samples: 3, epochs: 4, microbatch: 7, rate: 0.1, maxGradientNorm: 0.5 },
    ...{ clip: 0.2, gamma: 0.9, lambda: 0.8, advantageFloor: 0.2, minAdvantage: 0.1, view: 0.5 },
    trustRegion: { maxKl: 0.1, maxClipFraction: 0.7, decay: { share: 0.5, updates: 3 } },
    critics: { count: 2, hidden: [8], epochs: 2, warmUp: 0 },
  },
  ablation: {
    ...{ ratio: 'standardised', beta: 0.1, deviationFloor: 0.2, clipping: false, aspo: true },
    ...{ logRatioClamp: 3, oldLossClamp: 2, time: 'noisy', centred: false },
    ...{ beta1: 0.8, beta2: 0.999, epsilon: 1e-8 },
  },
};

/** The same as earlier versions had it. */
const BEFORE = {
  trainable: { parameters: 'lora', rank: 4 },
  ...{ seed: 1, samples: 3, epochs: 4, atOnce: 7, rate: 0.1, gradientNorm: 0.5 },
  ...{ clip: 0.2, gamma: 0.9, lambda: 0.8, advantageFloor: 0.2, leastAdvantage: 0.1, view: 0.5 },
  stop: { drift: 0.1, clipShare: 0.7, later: { share: 0.5, updates: 3 } },
  critics: { sees: 'moment', baseline: 4, count: 2, hidden: [8], epochs: 2, warmUp: 0 },
  ...NOW.ablation,
};

describe('the YAML of FPO', () => {
  it('has a block of settings and one of ablations; what it leaves out has its default', async () => {
    const { trainable, seed, clip, trustRegion, ablation } = await load({
      fpo: { trustRegion: { maxKl: 0.1 } },
      ablation: { ratio: 'mean' },
    });
    assert.deepEqual({ trainable, seed, clip }, { trainable: { parameters: 'expert' }, seed: 7, clip: 0.5 }); // prettier-ignore
    assert.deepEqual([trustRegion.maxKl, trustRegion.maxClipFraction], [0.1, 0.9]);
    assert.deepEqual([ablation.ratio, ablation.centred], ['mean', true]);
  });

  it('may be empty, or have empty blocks', async () => {
    const defaults = await loadFpoConfig(undefined, 7);
    for (const empty of [null, {}, { fpo: null }, { fpo: {}, ablation: null }])
      assert.deepEqual(await load(empty), defaults);
  });

  it('of earlier versions means the same under its old names', async () => {
    const now = await load(NOW);
    assert.deepEqual(await load(BEFORE), now);
    assert.equal(now.critics.count, 2);
    assert.deepEqual(now.ablation, NOW.ablation);
  });

  const faults: [what: string, content: unknown, ...fields: string[]][] = [
    ['the prefix as trainable, whose caches are encoded once', { trainable: { parameters: 'all' } }, 'trainable'], // prettier-ignore
    ['critics that see chunks', { critics: { sees: 'chunk' } }, 'critics.sees'], // prettier-ignore
    ['a setting under both names', { stop: {}, trustRegion: {} }, 'stop'],
    ['an ablation in two places', { ratio: 'mean', ablation: { ratio: 'pair' } }, 'ratio'],
    ['two blocks of ablations', { fpo: { ablation: {} }, ablation: {} }, 'ablation'], // prettier-ignore
    ['a setting beside its block', { fpo: {}, rate: 1 }, 'rate'],
    ['an unknown setting', { fpo: { ratte: 1 } }, 'ratte'],
    ['a list', ['rate']],
    ['a text', 'rate'],
  ];
  for (const [name, content, ...fields] of faults)
    it(`is refused with ${name}`, () => refuse(content, fields));
});

describe('the beginning of a run by FPO', () => {
  it('is compared as folders of earlier versions have it', async () => {
    const config = await load(NOW);
    const { critics, gamma } = methodBeginning({ name: 'tiny', base: 'b', version: 'b' }, config);
    assert.deepEqual([critics, gamma], [{ sees: 'moment', count: 2, hidden: [8] }, 0.9]);
  });
});

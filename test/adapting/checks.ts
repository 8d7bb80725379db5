import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { readCurve } from '../../src/learning/curve.ts';
import { fpoSchema } from '../../src/learning/fpo/config.ts';
import { FPO } from '../../src/learning/fpo/fpo.ts';
import { readRunState } from '../../src/learning/policyGradient/state.ts';
import { readSafetensorsHeader } from '../../src/tensors/safetensors.ts';
import type { VersionRecord } from '../../src/learning/versions.ts';
import { readAdapter } from '../../src/policy/bundle/readAdapter.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { BATCH, SETTINGS, runIn } from './survive.ts';

const lines = async (path: string) =>
  (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');

/**
 * What a run of `nalu adapt` that was told to make `wanted` attempts must have come to, whatever happened
 * on the way. Gives the learner's versions.
 */
export async function assertWhole(folder: string, wanted: number): Promise<VersionRecord[]> {
  const run = runIn(folder);
  const bundle = await loadBundle(join(folder, 'policy'));
  const names = Array.from({ length: wanted }, (_, i) => `transfer-cube-${10_000_000 + i}`);

  const atLearner = join(run, 'learner/episodes');
  const files = (await readdir(atLearner)).sort();
  assert.deepEqual(files, names.map((name) => `${name}.mcap`).sort(), 'each is there once');
  const received = (await lines(join(run, 'learner/received.txt'))).map(
    (line) => line.split(' ')[1],
  );
  assert.deepEqual(received.sort(), [...names].sort(), 'each was received once');
  assert.deepEqual(
    (await readdir(join(run, 'runtime/episodes'))).filter((name) => name.includes('.mcap')),
    [],
    'nothing is left at the runtime',
  );

  const config = fpoSchema.parse(SETTINGS);
  const file = join(run, 'learner/state.safetensors');
  const { metadata } = await readSafetensorsHeader(file);
  const { consumed, versions, current } = JSON.parse(metadata.run) as {
    consumed: string[];
    versions: VersionRecord[];
    current: string;
  };
  assert.deepEqual([...consumed].sort(), [...names].sort(), 'each was learned from once');
  assert.equal((await readRunState(file, bundle, config, FPO.format)).updates, wanted / BATCH);

  const known = versions.map(({ version }) => `${bundle.base}+${version}`);
  let newest = 0;
  for (let from = 0; from < wanted; from += BATCH) {
    const made = new Set<string>();
    for (const name of names.slice(from, from + BATCH)) {
      const episode = await readEpisode(join(atLearner, `${name}.mcap`));
      assert.deepEqual(episode.missing, []);
      assert.notEqual(episode.result?.outcome, 'discarded');
      for (const { policyVersion } of episode.chunks) made.add(policyVersion);
    }
    assert.equal(made.size, 1, `attempts ${from} to ${from + BATCH} are of one version`);
    const [version] = made;
    const place = version === bundle.version ? 0 : known.indexOf(version);
    assert.ok(place >= newest, `${version} comes where it does in the learner's line`);
    newest = place;
  }
  assert.equal(
    versions.reduce((sum, { attempts }) => sum + attempts, 0),
    wanted,
  );

  const [{ points }] = await readCurve(join(run, 'learner'));
  assert.deepEqual(
    points.map(({ episodes, attempts }) => [episodes, attempts]),
    Array.from({ length: wanted / BATCH }, (_, i) => [i * BATCH, BATCH]),
    'the curve has each update once',
  );

  const adapters = join(run, 'runtime/adapters');
  const taken = (await lines(join(adapters, 'taken.txt'))).at(-1)!.split(' ')[1];
  assert.equal(taken, current, 'the runtime took what the learner says');
  for (const path of [
    join(adapters, `${current}.safetensors`),
    join(run, 'runtime/newest.safetensors'),
  ]) {
    const adapter = await readAdapter(path, { ...bundle, trainable: SETTINGS.trainable });
    assert.equal(adapter.version, current);
  }
  return versions;
}

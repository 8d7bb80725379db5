import { pi0Of } from '../policy/pi0Of.ts';
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEpisode } from '../../src/episodes/readEpisode.ts';
import { folderAddress } from '../../src/link/wire/address.ts';
import { openLearnerPort } from '../../src/link/learner/learnerPort.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import { makeAdapter, writeAdapter } from '../../src/policy/bundle/adapter.ts';
import { WEIGHTS_FILE, loadBundle } from '../../src/policy/bundle/bundle.ts';
import type { Trainable } from '../../src/policy/trainable.ts';
import { trainableParameters } from '../../src/policy/families/pi0/trainable.ts';
import { loadWeights } from '../../src/policy/paligemma/weights.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { skip, startNode, until } from './ros.ts';

describe("the policy's node beside a learner", { skip }, () => {
  it('hands it each episode, explores where it looks, and plays the adapter that comes back', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nalu-learner-'));
    const bundle = await loadBundle(packagePath('models/aloha-mini'));
    const trainable: Trainable = { parameters: 'expert' };
    const wanted = trainableParameters(trainable, pi0Of(bundle));
    const weights = await loadWeights(
      join(bundle.folder, WEIGHTS_FILE),
      wanted.map(({ name }) => name),
    );
    const parameters = new Map(
      wanted.map(({ name, shape }) => [name, { shape, data: weights.get(name)! }]),
    );
    const adapter = makeAdapter({ trainable, base: bundle.base, parameters });
    const file = join(folder, 'adapter.safetensors');
    await writeAdapter(file, adapter);

    const learner = join(folder, 'learner');
    const received: string[] = [];
    const port = await openLearnerPort({
      folder: learner,
      address: folderAddress(learner),
      policy: bundle,
      onEpisode: ({ path }) => received.push(path),
      log: () => undefined,
    });
    const sim = startNode('simMain', {});
    const nalu = startNode('policyMain', {
      use_sim_time: true,
      calibration: SIM_CALIBRATION,
      output: 'trajectory',
      reset_service: '/aloha_sim/reset',
      autostart: true,
      attempts: 3,
      seconds: '1.5',
      record: join(folder, 'episodes'),
      learner: port.address,
      exploration_view: 0.02,
    });
    try {
      const what = () => nalu.output();
      await until(() => received.length > 0, what, 30);
      await port.publish(file, bundle.version);
      await until(() => nalu.output().includes(`plays the adapter ${adapter.version}`), what, 20);
      await until(() => received.length === 3, what, 30);
      const played = await Promise.all(
        received.map(async (path) => (await readEpisode(path)).chunks),
      );
      assert.equal(played[0].at(-1)?.policyVersion, bundle.version);
      assert.equal(played[2].at(-1)?.policyVersion, `${bundle.base}+${adapter.version}`);
      const [first, second] = played.map(([{ view }]) => view);
      assert.ok(first?.some((share) => share !== 0));
      assert.ok(played[0].every(({ view }) => view?.every((share, i) => share === first?.[i])));
      assert.notDeepEqual(first, second);
    } finally {
      await Promise.all([nalu.stop('SIGTERM'), sim.stop()]);
      await port.close();
      await rm(folder, { recursive: true });
    }
  });
});

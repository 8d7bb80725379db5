import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { fpoSchema } from '../../src/learning/fpo/config.ts';
import { drawPairs } from '../../src/learning/fpo/pairs.ts';
import { openLearningPolicy } from '../../src/learning/fpo/policy.ts';
import { initialRunState } from '../../src/learning/policyGradient/state.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { checkStart } from '../../src/learning/policyGradient/trustRegion.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { explorationSchema } from '../../src/policy/exploration.ts';
import { openSampler } from '../../src/policy/sampler.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { changed } from './attempts.ts';
import { JOINTS, SESSION, attempt } from './bandit.ts';
import { tinyBundle, writeTinyBundle } from './tiny.ts';
import { SAMPLED_JOINS, type SampledJoin } from '../../src/policy/joinKinds.ts';

const TRAINABLE = { parameters: 'expert' } as const;
const SIDE = tinyBundle.architecture.vision.imageSize;
const image = { width: SIDE, height: SIDE, pixels: new Uint8Array(SIDE * SIDE * 3).fill(120) };
/** The chunk in play, of which one row will be gone. */
const join = { rows: Float32Array.from({ length: 3 * JOINTS }, (_, i) => 1 - i / 5), delay: 1 };

/** Old losses of chunks of a policy that joins, the first of which explored and the second of which did not. */
async function oldLosses(kind: SampledJoin, change: (episode: Episode) => Episode) {
  return withFolder(async (folder) => {
    await writeTinyBundle(folder, 4, { ...tinyBundle, maxDelay: 2 });
    const bundle = await loadBundle(folder);
    const config = fpoSchema.parse({ trainable: TRAINABLE, seed: 1, epochs: 1, rate: 1e-6 });
    const { policy: start } = await initialRunState(bundle, config);
    const sampler = await openSampler(bundle, SESSION, { trainable: TRAINABLE, joins: kind });
    const encoder = await openRolloutEncoder(bundle, SESSION);
    const context = { bundle, joints: JOINTS, session: SESSION };
    const policy = await openLearningPolicy(context, config, start);
    try {
      const explorations = [explorationSchema.parse({ size: 0.3, initialNoise: 1 }), undefined];
      const chunks = [];
      for (const [i, exploration] of explorations.entries()) {
        const noise = { seed: i, exploration };
        const state = new Float64Array(JOINTS);
        const made = await sampler.sample({ images: [image, image], state, prompt: 'go', noise, join }); // prettier-ignore
        assert.equal(made.joined!.kind, kind);
        const episode = attempt(i, made.actions, true, 2, made.noise);
        const joined = changed(episode, { join: kind, joined: made.joined });
        chunks.push(...(await encoder.encode(change(joined))).chunks);
      }
      const pairs = drawPairs(
        chunks.map((chunk, i) => ({ chunk, advantage: i === 0 ? 1 : -1 })),
        0,
        config,
      );
      const prepared = await policy.prepare(pairs);
      checkStart(await policy.measure(prepared));
      return prepared.chunks.map(({ oldLosses }) => Math.max(...oldLosses));
    } finally {
      await sampler.close();
      await encoder.close();
      await policy.close();
    }
  });
}

describe('what FPO learns from chunks that were made to join another', () => {
  for (const kind of SAMPLED_JOINS) {
    it(`is what exploration changed of them, nothing where there was none: ${kind}`, async () => {
      const [explored, unexplored] = await oldLosses(kind, (episode) => episode);
      assert.ok(explored > 0.1, `${explored}`);
      assert.ok(unexplored < 1e-6, `${unexplored}`);
    });

    it(`would be what joining changed, did their record not tell of it: ${kind}`, async () => {
      const [, unexplored] = await oldLosses(kind, (episode) => changed(episode, { joined: undefined })); // prettier-ignore
      assert.ok(unexplored > 1e-3, `${unexplored}`);
    });
  }

  it('is nothing where chunks were played together', async () => {
    const ensemble = { join: 'ensemble', joined: undefined } as const;
    await assertRejectsAbout(
      oldLosses('exact', (episode) => changed(episode, ensemble)),
      { kind: 'invalid', names: ['mean of several chunks'] },
    );
  });
});

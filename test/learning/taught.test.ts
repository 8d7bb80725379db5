import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Episode } from '../../src/episodes/readEpisode.ts';
import { openRolloutEncoder } from '../../src/learning/attempts/rollouts.ts';
import { taughtEpisode } from '../../src/learning/attempts/taught.ts';
import { loadReplayConfig } from '../../src/learning/replay/config.ts';
import { REPLAY_METHODS } from '../../src/learning/replay/methods.ts';
import { replayLearning } from '../../src/learning/replay/replayLearning.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { onWarning } from '../../src/warnings.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { writeEpisode } from './attempts.ts';
import { JOINTS, SESSION, attempt, openBandit } from './bandit.ts';
import { writeTinyBundle } from './tiny.ts';

const PERIOD = 20_000_000n;
const DEFAULT = await loadReplayConfig(undefined, 1);

/** An episode of another policy, without noise, whose two chunks of 6 rows were observed 3 control steps apart. */
function demonstration(id: number, success: boolean): Episode {
  const rows = 5;
  const first = attempt(id, new Float32Array(6 * JOINTS), success, rows);
  const [chunk] = first.chunks;
  const commands = Array.from({ length: rows }, (_, row) => ({
    stamp: BigInt(row) * PERIOD,
    position: Float64Array.from({ length: JOINTS }, (_, joint) => (success ? 1 : -1) * (row + joint / 10)), // prettier-ignore
  }));
  const other = { ...chunk, horizon: 6, noise: new Float32Array(), executedTo: 3 };
  return {
    ...first,
    commands,
    chunks: [other, { ...other, index: 1, observationStamp: 3n * PERIOD, frameStamps: { cam_high: 3n * PERIOD, cam_wrist: 3n * PERIOD }, executedTo: 2 }], // prettier-ignore
  };
}

describe('an episode of somebody else', () => {
  it('has as chunks the rows that were commanded from each observation on, up to the next one', () =>
    withFolder(async (folder) => {
      await writeTinyBundle(folder);
      const bundle = await loadBundle(folder);
      const encoder = await openRolloutEncoder(bundle, SESSION);
      const rollout = await encoder.encode(taughtEpisode(demonstration(1, true), bundle));
      await encoder.close();
      const masks = rollout.chunks.map(({ mask }) => [...mask]);
      assert.deepEqual(masks, [
        [1, 1, 1, 0],
        [1, 1, 0, 0],
      ]);
      assert.deepEqual(rollout.chunks.map(({ elapsed, steps }) => [elapsed, steps]), [[0, 3], [3, 2]]); // prettier-ignore
      const firsts = rollout.chunks.map(({ actions }) => [0, 1, 2, 3].map((row) => actions[row * JOINTS])); // prettier-ignore
      // After its end the last row is repeated.
      assert.deepEqual(firsts, [
        [0, 1, 2, 3],
        [3, 4, 4, 4],
      ]);
    }));

  it('is learned from beside own attempts that all failed, and is kept once', () =>
    withFolder(async (folder) => {
      const bandit = await openBandit(join(folder, 'policy'), DEFAULT.trainable);
      const { bundle } = bandit;
      const demonstrations = join(folder, 'demonstrations');
      for (let id = 0; id < 6; id++)
        await writeEpisode(demonstrations, `episode-${id}`, demonstration(id, true));
      const context = { bundle, joints: JOINTS, session: SESSION, folder };
      const failures = (await bandit.rollouts(0, 8)).map((one) => ({ ...one, reward: 0 }));
      const open = (own: object) =>
        replayLearning(REPLAY_METHODS['fpo-replay'], { ...DEFAULT, warmUp: 8, ...own })(context);
      for (const own of [{ demonstrations }, { demonstrations }, { demonstrations, warmUp: 9 }]) {
        const algorithm = await open(own);
        const { version } = algorithm.adapter();
        const { reuse, skipped } = await algorithm.update(failures);
        assert.deepEqual([reuse!.kept, skipped], [14, undefined]);
        // Demonstrations are none of its own attempts, for which a warm-up waits.
        assert.equal(algorithm.adapter().version === version, 'warmUp' in own);
        await algorithm.close();
      }
      await bandit.close();
    }));

  it('is left out with a warning where it is of another robot; a folder without any that fits is refused', () =>
    withFolder(async (folder) => {
      await writeTinyBundle(join(folder, 'policy'));
      const bundle = await loadBundle(join(folder, 'policy'));
      const demonstrations = join(folder, 'demonstrations');
      await mkdir(demonstrations);
      const warnings: string[] = [];
      const stop = onWarning((text) => void warnings.push(text));
      const open = (name: string) =>
        replayLearning(REPLAY_METHODS['in-sample'], { ...DEFAULT, demonstrations })({
          ...{ bundle, joints: JOINTS, session: SESSION, folder: join(folder, name) },
        });
      const about = {
        kind: 'missing',
        subject: demonstrations,
        fields: ['demonstrations'],
      } as const;
      await assertRejectsAbout(open('one'), about);
      const { header } = demonstration(1, true);
      const embodiment = { ...header.embodiment, name: 'other' };
      const other = { ...demonstration(1, true), header: { ...header, embodiment } };
      await writeEpisode(demonstrations, 'episode-1', other);
      await assertRejectsAbout(open('two'), about);
      assert.equal(warnings.length, 1);
      await writeEpisode(demonstrations, 'episode-2', demonstration(2, true));
      await (await open('three')).close();
      stop();
    }));
});

import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { goldenJson, lerobotTensors, writeCheckpoint } from '../policy/checkpoints.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaidIn } from '../refusals.ts';
import { assertFails, nalu } from './nalu.ts';

describe('nalu import', () => {
  it('tells what it found and chose, makes a bundle that nalu check opens, and refuses to replace it', () =>
    withFolder(async (root) => {
      const checkpoint = await writeCheckpoint(join(root, 'checkpoint'), {
        tensors: await lerobotTensors(),
        config: { ...(await goldenJson()), tokenizer_max_length: 48 },
      });
      const bundle = join(root, 'bundle');
      const args = ['import', checkpoint, '--out', bundle, '--no-adapt-to-pi'];
      await assertFails(args, {
        ...{ kind: 'unsaid', subject: checkpoint },
        fields: ['--delta-actions', '--no-delta-actions'],
      });
      assert.deepEqual(await readdir(root), ['checkpoint']);

      const cameras = ['--cameras', 'cam_low,cam_left_wrist'];
      const made = await nalu([...args, '--delta-actions', ...cameras, '--execute', '8']);
      assert.equal(made.code, 0, made.err);
      for (const names of [
        ['family', 'π0'],
        ['weights', '0.31 million', 'float32'],
        ['files', '1.6 MB', 'copied'],
        ['sampling', '12 rows', '10 network calls', 'euler', '8 rows played'],
        ['statistics', 'norm_stats.json (meanStd)'],
        ['normalised', 'pi0'],
        ['tokenizer', 'tokenizer.json'],
        ['cameras', 'cam_low, cam_left_wrist (--cameras)'],
        ['vectors', "ALOHA's own", 'as you say'],
        ['vectors', 'relative', '6,-1,6,-1', 'as you say'],
        ['nalu check', bundle],
      ])
        assertSaidIn(made.out, ...names);

      const checked = await nalu(['check', bundle, '--json']);
      assert.match(checked.out, /"summary":\{"policy":"bundle [0-9a-f]{12}","joints":14,"cameras"/);

      await assertFails([...args, '--delta-actions'], { kind: 'exists', subject: bundle });
    }));
});

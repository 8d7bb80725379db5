import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { goldenJson, lerobotTensors, writeCheckpoint } from '../policy/checkpoints.ts';
import { withFolder } from '../onnx/run.ts';
import { nalu } from './nalu.ts';

describe('nalu import', () => {
  it('tells what it found and chose, makes a bundle that nalu check opens, and refuses to replace it', () =>
    withFolder(async (root) => {
      const checkpoint = await writeCheckpoint(join(root, 'checkpoint'), {
        tensors: await lerobotTensors(),
        config: { ...(await goldenJson()), tokenizer_max_length: 48 },
      });
      const bundle = join(root, 'bundle');
      const args = ['import', checkpoint, '--out', bundle, '--no-adapt-to-pi'];
      const unsaid = await nalu(args);
      assert.equal(unsaid.code, 1);
      assert.match(unsaid.err, /--delta-actions [\s\S]*--no-delta-actions /);
      assert.deepEqual(await readdir(root), ['checkpoint']);

      const cameras = ['--cameras', 'cam_low,cam_left_wrist'];
      const made = await nalu([...args, '--delta-actions', ...cameras, '--execute', '8']);
      assert.equal(made.code, 0, made.err);
      for (const line of [
        /family +π0$/m,
        /weights +0\.31 million parameters, float32$/m,
        /files +one file of 1\.6 MB, copied$/m,
        /sampling +chunks of 12 rows by 10 network calls \(euler\), 8 rows played/,
        /statistics .*norm_stats\.json \(meanStd\)$/m,
        /normalised +by the family pi0$/m,
        /tokenizer .*tokenizer\.json$/m,
        /cameras +cam_low, cam_left_wrist \(--cameras\)$/m,
        /ALOHA's own joints and openings \(as you say\)$/m,
        /relative to the state, mask 6,-1,6,-1 \(as you say\)$/m,
        /nalu check .*bundle/,
      ]) {
        assert.match(made.out, line);
      }

      const checked = await nalu(['check', bundle, '--json']);
      assert.match(checked.out, /"summary":\{"policy":"bundle [0-9a-f]{12}","joints":14,"cameras"/);

      const again = await nalu([...args, '--delta-actions']);
      assert.equal(again.code, 1);
      assert.equal(again.failure?.kind, 'exists');
    }));
});

import assert from 'node:assert/strict';
import { cp, open, rm, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readShardedHeader } from '../../../src/tensors/shards.ts';
import { loadBundle } from '../../../src/policy/bundle/bundle.ts';
import { RECORD_FILE } from '../../../src/policy/bundle/bundleFiles.ts';
import { importPolicy } from '../../../src/policy/families/importers.ts';
import { withFolder } from '../../onnx/run.ts';
import { goldenJson, lerobotTensors, options, writeCheckpoint } from '../checkpoints.ts';
import { assertRejectsAbout } from '../../refusals.ts';

const WEIGHTS = 'model.safetensors';

/** Imports a checkpoint into a folder that is gone after `body`. */
const withImported = (body: (folder: string) => Promise<void>, shards?: number) =>
  withFolder(async (root) => {
    const checkpoint = await writeCheckpoint(join(root, 'checkpoint'), {
      tensors: await lerobotTensors(),
      config: { ...(await goldenJson()), tokenizer_max_length: 48 },
      shards,
    });
    await importPolicy(checkpoint, options(join(root, 'bundle')));
    await body(join(root, 'bundle'));
  });

/** Writes a number into the middle of a weight, in place. */
async function rewrite(folder: string, name: string): Promise<string> {
  const { tensors } = await readShardedHeader(join(folder, WEIGHTS));
  const { path, offset, bytes } = tensors.get(name)!;
  const file = await open(path, 'r+');
  await file.write(Float32Array.of(0.5), 0, 4, offset + 4 * Math.floor(bytes / 8));
  await file.close();
  return path;
}

const refused = (folder: string, path: string, ...names: (string | number)[]) =>
  assertRejectsAbout(loadBundle(folder), {
    kind: 'mismatch',
    subject: path,
    names: ['nalu import CHECKPOINT --out', '--copy', ...names],
  });

describe('a bundle whose imported weights', () => {
  it('were written anew in place is refused, by the name of the file', () =>
    withImported(async (folder) => {
      await rewrite(folder, 'model.action_out_proj.weight');
      await refused(folder, join(folder, WEIGHTS));
    }));

  it('were written anew in one of their shards is refused by its name', () =>
    withImported(async (folder) => {
      const path = await rewrite(folder, 'model.action_out_proj.weight');
      await refused(folder, path);
    }, 3));

  it('were written anew at the time that they had is refused all the same', () =>
    withImported(async (folder) => {
      const path = join(folder, WEIGHTS);
      await utimes(path, 1, 1);
      await rewrite(folder, 'model.action_out_proj.weight');
      await utimes(path, 1, 1);
      await refused(folder, path);
    }));

  it('have another size is refused with both', () =>
    withImported(async (folder) => {
      await truncate(join(folder, WEIGHTS), 1000);
      await refused(folder, join(folder, WEIGHTS), 1000);
    }));

  it('were touched or copied is the same', () =>
    withImported(async (folder) => {
      const { version } = await loadBundle(folder);
      await utimes(join(folder, WEIGHTS), 1, 1);
      assert.equal((await loadBundle(folder)).version, version);
      const copy = `${folder}-copy`;
      await cp(folder, copy, { recursive: true });
      assert.equal((await loadBundle(copy)).version, version);
    }));

  it('nothing is known of, as of one made before, opens as ever', () =>
    withImported(async (folder) => {
      const { version } = await loadBundle(folder);
      await rm(join(folder, RECORD_FILE));
      assert.equal((await loadBundle(folder)).version, version);
    }));
});

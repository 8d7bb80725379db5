import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { readCheckpoint, writeCheckpoint } from '../../src/learning/train/checkpoint.ts';
import { STATE } from '../../src/learning/train/optimiser.ts';
import { initialState } from '../../src/learning/train/trainer.ts';
import { gaussianNoise } from '../../src/tensors/noise.ts';
import { mountSmallDisk } from '../episodes/smallDisk.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';

const PARAMETERS = [
  { name: 'a', shape: [3, 4] },
  { name: 'b', shape: [5] },
];

function stateOf(seed: number) {
  const state = initialState(gaussianNoise(seed, 17));
  STATE.forEach((name, i) => (state.vectors[name] = gaussianNoise([seed, i], 17)));
  return { ...state, step: seed };
}

/** A folder with the checkpoint of step 1. */
const withCheckpoint = (body: (path: string) => Promise<void>) =>
  withFolder(async (folder) => {
    const path = join(folder, 'checkpoint.safetensors');
    await writeCheckpoint(path, { state: stateOf(1), run: 'settings' }, PARAMETERS);
    await body(path);
  });

const PROCESS = join(import.meta.dirname, 'checkpointProcess.js');

describe('a checkpoint', () => {
  it('gives back every number and the settings of its run', () =>
    withCheckpoint(async (path) => {
      assert.deepEqual(await readCheckpoint(path, PARAMETERS), {
        state: stateOf(1),
        run: 'settings',
      });
    }));

  it('of another architecture is refused with both shapes of all that differs', () =>
    withCheckpoint(async (path) => {
      const other = [
        { name: 'a', shape: [4, 3] },
        { name: 'c', shape: [5] },
      ];
      const names = STATE.flatMap((part) => [
        ...[`${part}/a is [3, 4]`, '[4, 3]', `${part}/b [5] is none`, `${part}/c [5] is missing`],
      ]);
      await assertRejectsAbout(readCheckpoint(path, other), { kind: 'mismatch', subject: path, names }); // prettier-ignore
    }));

  it('that is none is refused', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'checkpoint.safetensors');
      await writeFile(path, 'no checkpoint');
      await assertRejectsAbout(readCheckpoint(path, PARAMETERS), {
        ...{ kind: 'invalid', subject: 'checkpoint.safetensors' },
      });
    }));

  it('is whole after a kill at any moment of the next one', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'checkpoint.safetensors');
      for (let round = 0; round < 4; round++) {
        const child = spawn(process.execPath, [PROCESS, path], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let said = '';
        child.stdout.on('data', (text: Buffer) => (said += text.toString()));
        await once(child.stdout, 'data');
        await setTimeout(Math.random() * 60);
        const closed = once(child, 'close');
        child.kill('SIGKILL');
        await closed;
        const { state } = await readCheckpoint(path, [{ name: 'weight', shape: [1_000_000] }]);
        assert.ok(state.step >= Number(said.trim().split('\n').at(-1)));
        assert.ok(state.vectors.parameters.every((value) => value === state.step));
      }
    }));

  it('stays as it was where the disk is too full for the next one', (test) =>
    withFolder(async (folder) => {
      const disk = await mountSmallDisk(join(folder, 'disk'), 64 * 1024);
      if (disk === null) return test.skip('no tmpfs can be mounted here');
      try {
        const path = join(disk.path, 'checkpoint.safetensors');
        await writeCheckpoint(path, { state: stateOf(1), run: '' }, PARAMETERS);
        const large = { name: 'large', shape: [100_000] };
        const state = initialState(new Float32Array(100_000));
        await assertRejectsAbout(writeCheckpoint(path, { state, run: '' }, [large]), {
          ...{ kind: 'unready', subject: path },
        });
        assert.deepEqual((await readCheckpoint(path, PARAMETERS)).state, stateOf(1));
        assert.deepEqual(await readdir(disk.path), ['checkpoint.safetensors']);
      } finally {
        await disk.unmount();
      }
    }));
});

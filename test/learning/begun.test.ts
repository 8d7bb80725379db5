import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Beginning, demandBeginning, recordBeginning } from '../../src/learning/begun.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';

const NOW: Beginning = {
  policy: 'aaaa',
  task: 'transfer-cube',
  gap: { delay: 0, cameraShift: [0, 0, 0] },
  trainable: { parameters: 'lora', rank: 8 },
};
const NOTHING = () => Promise.resolve({});

const refused = (folder: string, now: Beginning, names: string[], held = NOTHING) =>
  assertRejectsAbout(demandBeginning(folder, now, held), {
    ...{ kind: 'mismatch', subject: folder, names },
  });

describe('what a folder was begun with', () => {
  it('is recorded once, and is what all later runs must have', () =>
    withFolder(async (folder) => {
      await demandBeginning(folder, NOW, NOTHING);
      await recordBeginning(folder, NOW);
      await demandBeginning(folder, structuredClone(NOW), NOTHING);
      const text = await readFile(join(folder, 'begun.json'), 'utf8');
      await recordBeginning(folder, { ...NOW, task: 'insertion' });
      assert.equal(await readFile(join(folder, 'begun.json'), 'utf8'), text);
    }));

  it('is compared setting by setting: all that differ are named, with both values', () =>
    withFolder(async (folder) => {
      await recordBeginning(folder, NOW);
      const now = {
        ...NOW,
        task: 'insertion',
        gap: { delay: 2, cameraShift: [0, 0.1, 0] },
        trainable: { parameters: 'lora', rank: 8, alpha: 16 },
      };
      await refused(folder, now, [
        '--task: transfer-cube then, insertion now',
        'delay in --gap: 0 then, 2 now',
        'cameraShift in --gap: [0,0,0] then, [0,0.1,0] now',
        'trainable.alpha in --config: none then, 16 now',
      ]);
      const same = /policy|rank/;
      await assert.rejects(
        demandBeginning(folder, now, NOTHING),
        ({ message }: Error) => !same.test(message),
      );
    }));

  it('is, without a record, what can be seen of it', () =>
    withFolder(async (folder) => {
      const held = () => Promise.resolve({ policy: 'bbbb', task: undefined });
      await refused(folder, NOW, ['--policy', 'bbbb then, aaaa now'], held);
      await demandBeginning(folder, { ...NOW, policy: 'bbbb' }, held);
    }));

  it('does not count where only one side tells of it', () =>
    withFolder(async (folder) => {
      await recordBeginning(folder, { ...NOW, old: 1 });
      await demandBeginning(folder, { ...NOW, task: undefined, added: 2 }, NOTHING);
    }));

  it('is refused as a record that is broken', () =>
    withFolder(async (folder) => {
      for (const broken of ['{', '7', '[]']) {
        await writeFile(join(folder, 'begun.json'), broken);
        await assertRejectsAbout(demandBeginning(folder, NOW, NOTHING), {
          ...{ kind: 'invalid', subject: 'begun.json' },
        });
      }
    }));
});

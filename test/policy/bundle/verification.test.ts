import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readSafetensorsHeader } from '../../../src/tensors/safetensors.ts';
import { sessionConfigSchema } from '../../../src/session/session.ts';
import {
  WEIGHTS_FILE,
  GOLDEN_FILE,
  copyBundle,
  loadBundle,
} from '../../../src/policy/bundle/bundle.ts';
import { readGolden } from '../../../src/policy/bundle/golden.ts';
import { checkChunk, makeGolden, verifyBundle } from '../../../src/policy/bundle/verification.ts';
import { openWorkerPolicy } from '../../../src/policy/worker/workerPolicy.ts';
import { packagePath } from '../../../src/files/packagePath.ts';
import { withFolder } from '../../onnx/run.ts';
import { type Bundle } from '../../../src/policy/bundle/config.ts';
import { assertRejectsAbout } from '../../refusals.ts';

const SHIPPED = packagePath('models/aloha-mini');
const SESSION = sessionConfigSchema.parse({ threads: 1 });

/** A copy of the shipped policy with golden numbers of its own. */
const withBundle = (use: (bundle: Bundle) => Promise<void>) =>
  withFolder(async (root) => {
    const folder = join(root, 'policy');
    await copyBundle(await loadBundle(SHIPPED), folder);
    await makeGolden(await loadBundle(folder), SESSION);
    await use(await loadBundle(folder));
  });

/** Sets one of a weight's numbers, as a failing disk or a wrong engine might. */
async function spoil({ folder }: Bundle, name: string, value: number) {
  const path = join(folder, WEIGHTS_FILE);
  const { tensors } = await readSafetensorsHeader(path);
  const file = await open(path, 'r+');
  await file.write(Float32Array.of(value), 0, 4, tensors.get(name)!.offset);
  await file.close();
}

const OUT = 'action_out_proj.bias';

describe('golden numbers', () => {
  it('come with the shipped policies, which give them here', async () => {
    for (const name of [
      'aloha-mini',
      'aloha-mini-12k',
      'aloha-mini-varied',
      'aloha-mini-insertion',
    ]) {
      const { passes, agreements } = await verifyBundle(
        await loadBundle(packagePath(`models/${name}`)),
        SESSION,
      );
      assert.ok(passes, JSON.stringify(agreements));
    }
  });

  it('show at which stage a policy is another one', () =>
    withBundle(async (bundle) => {
      await spoil(bundle, OUT, 50);
      const { passes, agreements } = await verifyBundle(bundle, SESSION);
      const off = agreements.filter(({ cosine }) => !(cosine > 0.9999)).map(({ stage }) => stage);
      assert.equal(passes, false);
      assert.deepEqual(off, ['velocity', 'actions']);
    }));

  it('are not made of a policy whose numbers are not finite, and are refused where they were', () =>
    withBundle(async (bundle) => {
      const golden = (await readGolden(bundle))!;
      await spoil(bundle, OUT, NaN);
      await assertRejectsAbout(makeGolden(bundle, SESSION), { kind: 'invalid', subject: bundle.folder, fields: ['velocity'] }); // prettier-ignore
      assert.deepEqual(await readGolden(bundle), golden);
      const path = join(bundle.folder, GOLDEN_FILE);
      const { tensors } = await readSafetensorsHeader(path);
      const file = await open(path, 'r+');
      await file.write(Float32Array.of(NaN), 0, 4, tensors.get('output.actions')!.offset);
      await file.close();
      const about = { kind: 'invalid', subject: path, fields: ['actions'] } as const;
      await assertRejectsAbout(verifyBundle(bundle, SESSION), about);
      await assertRejectsAbout(openWorkerPolicy(bundle, SESSION), about);
    }));

  it('are not met by a chunk that is no number', () =>
    withBundle(async (bundle) => {
      const { outputs } = (await readGolden(bundle))!;
      const chunk = outputs.actions.slice().fill(NaN, 3, 4);
      await assertRejectsAbout(
        checkChunk(bundle, ['cpu'], () => Promise.resolve(chunk)),
        { kind: 'mismatch', subject: bundle.folder, fields: ['actions'] },
      );
    }));
});

describe('what moves a robot', () => {
  it('refuses a policy that does not give its golden chunk', () =>
    withBundle(async (bundle) => {
      await spoil(bundle, OUT, 50);
      await assertRejectsAbout(openWorkerPolicy(bundle, SESSION), { kind: 'mismatch', subject: bundle.folder, fields: ['actions'], names: ['cpu'] }); // prettier-ignore
    }));

  it('takes one that does, also where it may learn', () =>
    withBundle(async (bundle) => {
      for (const trainable of [
        undefined,
        { parameters: 'expert' },
        { parameters: 'lora', rank: 4 },
      ] as const)
        // prettier-ignore
        await (await openWorkerPolicy(bundle, SESSION, { trainable })).close();
    }));

  it('takes one without golden numbers on the CPU alone', async () => {
    const bundle = { ...(await loadBundle(SHIPPED)), hasGolden: false };
    const nothing = () => Promise.resolve(new Float32Array());
    await checkChunk(bundle, ['cpu'], nothing);
    await assertRejectsAbout(checkChunk(bundle, ['webgpu', 'cpu'], nothing), {
      kind: 'missing',
      subject: bundle.folder,
      fields: [GOLDEN_FILE],
      names: ['nalu verify', '--write'],
    });
  });
});

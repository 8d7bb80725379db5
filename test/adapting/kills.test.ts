import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { until } from '../link/link.ts';
import { withFolder } from '../onnx/run.ts';
import { assertWhole } from './checks.ts';
import { processesIn, survive } from './survive.ts';

const KILLS = 4;

describe('nalu adapt', { timeout: 600_000 }, () => {
  it('loses no attempt, counts none twice and plays what the learner says, whichever side is killed', () =>
    withFolder(async (folder) => {
      const wanted = await survive(folder, KILLS, 2);
      const versions = await assertWhole(folder, wanted);
      assert.ok(versions.length > 2, `${versions.length} versions`);
      await until(async () => (await processesIn(folder)).length === 0);
    }));
});

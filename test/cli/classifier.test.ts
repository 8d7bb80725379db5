import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packagePath } from '../../src/files/packagePath.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaidIn } from '../refusals.ts';
import { assertFails, nalu } from './nalu.ts';

const SHIPPED = packagePath('models/success-transfer-cube/classifier.yaml');

interface Line {
  seed?: number;
  success: boolean;
  simulator: boolean;
  steps: number;
}

async function attempts(...args: string[]): Promise<Line[]> {
  const { code, out, err } = await nalu(['sim', '--json', '--success-classifier', ...args]);
  assert.equal(code, 0, err);
  const lines = out.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line).filter(({ seed }) => seed !== undefined);
}

describe('nalu classifier', () => {
  it("ships one that agrees with the simulator's rule, a while after it, and repeats", async () => {
    const [[expert], [failure], [again]] = [
      await attempts(SHIPPED, '--expert', '--seed', '900000'),
      await attempts(SHIPPED, '--seed', '900002', '--steps', '10'),
      await attempts(SHIPPED, '--expert', '--seed', '900000'),
    ];
    assert.deepEqual([expert.success, expert.simulator], [true, true]);
    assert.ok(expert.steps < 400);
    assert.deepEqual([failure.success, failure.simulator], [false, false]);
    assert.deepEqual(again, expert);
  });

  it('trains one that nalu sim takes, and tells its precision and recall', () =>
    withFolder(async (folder) => {
      const out = join(folder, 'mine');
      const trained = await nalu(['classifier', '--out', out, '--episodes', '4', '--steps', '20']);
      assert.equal(trained.code, 0, trained.err);
      assertSaidIn(trained.out, '164 frames', '4 attempts');
      assertSaidIn(trained.out, 'attempts, 3 looks', 'precision', 'recall');
      const [line] = await attempts(join(out, 'classifier.yaml'), '--expert');
      assert.equal(line.simulator, true);

      await assertFails(['classifier', '--out', out, '--episodes', '4', '--steps', '20'], {
        ...{ kind: 'exists', subject: 'classifier.yaml' },
        names: ['--force'],
      });
      assert.deepEqual((await readdir(out)).sort(), ['classifier.yaml', 'success.onnx']);
    }));
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { chunkPlot } from '../../src/check/chunkPlot.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const embodiment = await loadCalibration('calibration/aloha-2.0.yaml');
const joints = embodiment.joints.length;

describe("a chunk's picture", () => {
  const position = Float64Array.from(embodiment.joints, ({ home }) => home);
  const still = (horizon: number) =>
    Float32Array.from({ length: horizon * joints }, (_, i) => position[i % joints]);

  it('has a panel for each joint, and red only where a limit is broken', async () => {
    const actions = still(50);
    const calm = chunkPlot(embodiment, { position, actions, horizon: 50 }, 'calm');
    for (const { name } of embodiment.joints) assert.ok(calm.includes(`${name} (`));
    assert.ok(!calm.includes('#d1605e'));
    actions[20 * joints + 3] = 9;
    const wild = chunkPlot(embodiment, { position, actions, horizon: 50 }, 'wild');
    assert.equal(wild.split('#d1605e').length - 1, 1);
    const { width, height } = await sharp(Buffer.from(wild)).metadata();
    assert.ok(width > 1000 && height > 200);
  });

  it('can be drawn of numbers that are not finite', async () => {
    const actions = still(50).fill(NaN, 100, 200);
    const svg = chunkPlot(embodiment, { position, actions, horizon: 50 }, 'NaN');
    assert.ok(!svg.includes('NaN,') && !svg.includes(',NaN'));
    await sharp(Buffer.from(svg)).png().toBuffer();
  });
});

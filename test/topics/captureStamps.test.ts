import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { captureStamps } from '../../src/topics/captureStamps.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';

const calibration = await loadCalibration(SIM_CALIBRATION);
const pixels = Uint8Array.of(1, 2, 3);
const frame = (camera: string) => ({
  camera,
  stamp: 5_000_000_000n,
  width: 1,
  height: 1,
  pixels: () => Promise.resolve(pixels),
});

describe("a frame's stamp", () => {
  it('is moved back by the latency that was measured of its camera, if one was', async () => {
    const cameras = { cam_high: { latency: 0.08, correlation: 0.9 }, cam_low: { sharpness: 12 } };
    const captured = captureStamps({ ...calibration, measured: { date: '2026-01-01', cameras } });
    assert.equal(captured(frame('cam_high')).stamp, 4_920_000_000n);
    assert.equal(await captured(frame('cam_high')).pixels(), pixels);
    for (const camera of ['cam_low', 'cam_left_wrist'])
      assert.equal(captured(frame(camera)).stamp, 5_000_000_000n);
  });

  it('stays where nothing was measured', () =>
    assert.equal(captureStamps(calibration)(frame('cam_high')).stamp, 5_000_000_000n));
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { countSensors } from '../../src/console/sensorRates.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';

describe('the rates of sensors', () => {
  it('are those by the robot’s clock, and stay while it stands still', async () => {
    const sim = await simulatedAloha({ task: 'transfer-cube' });
    try {
      const { robot, sensors } = countSensors(sim);
      assert.deepEqual(sensors(), [], 'nothing has come yet');
      robot.observe({ joints: () => undefined, frame: () => undefined });
      await robot.clock.until(robot.clock.now() + 1_000_000_000n);
      const rates = sensors();
      const cameras = sim.embodiment.cameras.map(({ name }) => name);
      assert.deepEqual(
        rates.map(({ name }) => name),
        ['joints', ...cameras],
      );
      for (const { name, rate, age } of rates) {
        assert.ok(Math.abs(rate - sim.embodiment.controlRate) <= 1, `${name}: ${rate} Hz`);
        assert.ok(age < 1000 / sim.embodiment.controlRate + 1e-6, `${name}: ${age} ms`);
      }
      assert.deepEqual(sensors(), rates);
    } finally {
      await sim.close();
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import type { SimTaskName } from '../../src/sim/taskNames.ts';
import { playExpert } from './driving.ts';

const seeds = [11, 12, 13, 14, 15, 16];

for (const task of ['transfer-cube', 'insertion'] satisfies SimTaskName[]) {
  describe(`the scripted expert on ${task}`, () => {
    it('succeeds on every one of a few seeds, inside the joints’ positions and speeds', async () => {
      const sim = await simulatedAloha({ task, cameras: [] });
      const { joints, controlRate } = sim.embodiment;
      for (const seed of seeds) {
        const commands = await playExpert(sim, seed);
        assert.deepEqual(sim.assess(), { reward: 4, success: true }, `seed ${seed}`);
        assert.equal(commands.length, sim.maxSteps);
        let before = joints.map((joint) => joint.home);
        for (const [step, command] of commands.entries()) {
          joints.forEach(({ name, lower, upper, velocity }, index) => {
            const where = `${name}, step ${step}, seed ${seed}`;
            assert.ok(command[index] >= lower - 1e-9 && command[index] <= upper + 1e-9, where);
            const speed = Math.abs(command[index] - before[index]) * controlRate;
            assert.ok(speed <= velocity, `${where}: ${speed} a second`);
          });
          before = Array.from(command);
        }
      }
      await sim.close();
    });
  });
}

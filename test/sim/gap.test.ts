import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Gap, gapSchema } from '../../src/sim/gap.ts';
import { type SimulatedAloha, simulatedAloha } from '../../src/sim/simulatedAloha.ts';

const GRIPPER = 6;

async function withAloha<T>(gap: Partial<Gap>, body: (sim: SimulatedAloha) => Promise<T> | T) {
  const sim = await simulatedAloha({ task: 'transfer-cube', gap: gapSchema.parse(gap) });
  try {
    await sim.reset(1);
    return await body(sim);
  } finally {
    await sim.close();
  }
}

const picture = (gap: Partial<Gap>) =>
  withAloha(gap, (sim) => sim.picture('cam_high', { width: 48, height: 36 }));

/** Control steps from a command of the waist until it has moved. */
const stepsUntilItMoves = (gap: Partial<Gap>) =>
  withAloha(gap, async (sim) => {
    const from = sim.positions();
    const to = Float64Array.from(from);
    to[0] += 0.1;
    for (let step = 0; step < 20; step++) {
      sim.command(to);
      await sim.clock.until(sim.clock.now() + 20_000_000n);
      if (Math.abs(sim.positions()[0] - from[0]) > 1e-4) return step;
    }
    return Infinity;
  });

describe('a gap between the simulated robot and the one of the demonstrations', () => {
  it('is none where nothing is said', async () => {
    assert.deepEqual(await picture({}), await picture({ cameraTilt: 0 }));
  });

  it('moves and tilts what the cameras see', async () => {
    const straight = await picture({});
    assert.notDeepEqual(await picture({ cameraShift: [0.02, 0, 0] }), straight);
    assert.notDeepEqual(await picture({ cameraTilt: 3 }), straight);
  });

  it('adds to the opening of a gripper that is measured', async () => {
    const opening = await withAloha({}, (sim) => sim.positions()[GRIPPER]);
    const offset = await withAloha({ gripperOffset: 0.1 }, (sim) => sim.positions()[GRIPPER]);
    assert.ok(Math.abs(offset - opening - 0.1) < 1e-12);
  });

  it('lets commands come later by its delay', async () => {
    const at = await stepsUntilItMoves({});
    assert.equal(await stepsUntilItMoves({ delay: 2 }), at + 2);
  });

  it('names what it does not know', () => {
    assert.throws(() => gapSchema.parse({ cameraShfit: [0, 0, 0] }), /cameraShfit/);
    assert.throws(() => gapSchema.parse({ friction: 0 }), /friction/);
  });
});

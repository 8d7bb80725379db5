import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compose, toAxisAngle, transpose } from '../../src/robot/rotations.ts';
import { type Gap, drawGap, gapSchema, moveCameras } from '../../src/sim/gap.ts';
import { mujoco } from '../../src/sim/mujoco.ts';
import { validate } from '../../src/validate.ts';
import { type SimulatedAloha, simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { assertThrowsAbout } from '../refusals.ts';

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

  it('moves and tilts a camera that aims at a body from where it stands', async () => {
    const engine = await mujoco();
    // Straight above what it aims at, a camera that went on aiming would turn round with any shift.
    const model = engine.MjModel.from_xml_string(`<mujoco><worldbody>
      <body name="table"><geom size="0.1"/></body>
      <body pos="0.3 0 0.2" euler="0 20 40"><geom size="0.1"/>
        <camera name="wrist" pos="0 0.1 0.3" mode="targetbody" target="table"/>
      </body>
      <camera name="top" pos="0 0 0.8" mode="targetbody" target="table"/>
    </worldbody></mujoco>`);
    const data = new engine.MjData(model);
    const stands = (gap: Partial<Gap>) => {
      engine.mj_forward(model, data);
      moveCameras(model, data, gapSchema.parse(gap));
      return [data.cam_xpos, data.cam_xmat].map((values) => [...(values as Float64Array)]);
    };
    const [places, turns] = stands({});
    const [shifted, still] = stands({ cameraShift: [0, 0, 0.01] });
    const [, tilted] = stands({ cameraTilt: 5 });
    data.delete();
    model.delete();
    const lengthOf = (a: number[], b: number[]) => Math.hypot(...a.map((value, i) => value - b[i]));
    const part = (values: number[], camera: number, width: number) =>
      values.slice(width * camera, width * (camera + 1));
    for (const camera of [0, 1]) {
      const moved = lengthOf(part(shifted, camera, 3), part(places, camera, 3));
      assert.ok(Math.abs(moved - 0.01) < 1e-12, `${moved}`);
      assert.ok(lengthOf(part(still, camera, 9), part(turns, camera, 9)) < 1e-12);
      const turn = compose(transpose(part(turns, camera, 9)), part(tilted, camera, 9));
      const [x, ...others] = toAxisAngle(turn);
      assert.ok(Math.abs(x - (5 * Math.PI) / 180) < 1e-9, `${x}`);
      assert.ok(Math.hypot(...others) < 1e-9);
    }
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
    const wrong: [gap: object, field: string, ...names: (string | number)[]][] = [
      [{ cameraShfit: [0, 0, 0] }, 'cameraShfit'],
      [{ friction: 0 }, 'friction'],
      [{ cameraShift: [0, 21, 0] }, 'cameraShift[1]', 21, '±1', 'metres'],
      [{ cameraTilt: 300 }, 'cameraTilt', 300, '±90', 'degrees'],
      [{ gripperOffset: 2 }, 'gripperOffset', 2, '±1', 'share'],
      [{ delay: 2000 }, 'delay', 100, 'control steps'],
      [{ friction: 1e9 }, 'friction', 100, 'factor'],
    ];
    for (const [gap, field, ...names] of wrong)
      assertThrowsAbout(() => validate(gapSchema, gap, 'gap.yaml'), {
        kind: 'invalid',
        subject: 'gap.yaml',
        fields: [field],
        names,
      });
  });

  it('may be another one in each attempt, and leaves nothing of the one before', async () => {
    const sim = await simulatedAloha({
      task: 'transfer-cube',
      gap: (seed) => gapSchema.parse({ cameraShift: [0.02 * seed, 0, 0], cameraTilt: seed }),
    });
    const size = { width: 48, height: 36 };
    const see = async (seed: number) => {
      await sim.reset(seed);
      return sim.picture('cam_high', size);
    };
    const [first, second, again] = [await see(1), await see(2), await see(1)];
    await sim.close();
    assert.notDeepEqual(first, second);
    assert.deepEqual(again, first);
    assert.deepEqual(first, await picture({ cameraShift: [0.02, 0, 0], cameraTilt: 1 }));
  });

  it('drawn at random lies within the most that is asked for, the same for the same seed', () => {
    const size = (most: number) => fc.double({ min: 0, max: most, noNaN: true });
    const most = fc.record({
      cameraShift: fc.tuple(size(0.1), size(0.1), size(0.1)),
      cameraTilt: size(10),
      gripperOffset: size(0.1),
      delay: fc.integer({ min: 0, max: 5 }),
      friction: fc.double({ min: 1, max: 3, noNaN: true }),
    });
    fc.assert(
      fc.property(most, fc.nat(), (most, seed) => {
        const gap = drawGap(most, seed);
        assert.deepEqual(gapSchema.parse(gap), drawGap(most, seed));
        gap.cameraShift.forEach((shift, i) => assert.ok(Math.abs(shift) <= most.cameraShift[i]));
        assert.ok(Math.abs(gap.cameraTilt) <= most.cameraTilt);
        assert.ok(Math.abs(gap.gripperOffset) <= most.gripperOffset);
        assert.ok(gap.delay <= most.delay);
        assert.ok(Math.abs(Math.log(gap.friction)) <= Math.log(most.friction) + 1e-12);
      }),
    );
  });
});

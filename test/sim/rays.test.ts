import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mujoco } from '../../src/sim/mujoco.ts';
import { createMujocoRays } from '../../src/sim/mujocoRays.ts';
import { createPrimitiveRays } from '../../src/sim/primitiveRays.ts';

const shapes = `
<geom type="box" size="0.2 0.1 0.3" pos="0.4 0 0" euler="20 30 40"/>
<geom type="sphere" size="0.2" pos="-0.4 0.1 0"/>
<geom type="cylinder" size="0.15 0.2" pos="0 0.5 0.2" euler="50 20 0"/>
<geom type="capsule" size="0.1 0.2" pos="0 -0.4 0.1" euler="70 10 0"/>
<geom type="box" size="0.3 0.3 0.3" pos="0 0 0.1" group="3"/>
<geom type="box" size="0.3 0.3 0.3" pos="0 0 0.1" rgba="1 1 1 0"/>`;

const scene = (more: string) => `<mujoco><worldbody>${shapes}${more}</worldbody></mujoco>`;

describe('rays at simple shapes', () => {
  it('meet the same shapes at the same slant as MuJoCo’s own', async () => {
    const engine = await mujoco();
    const model = engine.MjModel.from_xml_string(scene(''));
    const data = new engine.MjData(model);
    engine.mj_forward(model, data);
    const count = 2000;
    const along = (step: number) =>
      Float64Array.from({ length: count }, (_, ray) => 1.6 * (((ray * step) % 1) - 0.5));
    const rays = { u: along(0.618034), v: along(0.414214) };
    const from = { eye: [0, 0, 1.5], axes: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
    const own = createPrimitiveRays(engine, model);
    const theirs = createMujocoRays(engine, model);
    assert.ok(own);
    const [mine, reference] = [own, theirs].map((caster) => caster.cast(data, from, rays));
    theirs.close();
    data.delete();
    model.delete();
    let alike = 0;
    for (let ray = 0; ray < count; ray++) {
      if (mine.shapes[ray] !== reference.shapes[ray]) continue;
      alike++;
      if (mine.shapes[ray] < 0) continue;
      for (let axis = 3 * ray; axis < 3 * ray + 3; axis++)
        assert.ok(Math.abs(mine.normals[axis] - reference.normals[axis]) < 1e-6, `ray ${ray}`);
    }
    assert.deepEqual(new Set(mine.shapes), new Set([-1, 0, 1, 2, 3]));
    // MuJoCo's batch skips a shape's far corners now and then.
    assert.ok(alike > 0.98 * count, `${alike} of ${count}`);
  });

  it('are left to MuJoCo where a model has other shapes', async () => {
    const engine = await mujoco();
    const model = engine.MjModel.from_xml_string(scene('<geom type="ellipsoid" size="1 2 3"/>'));
    assert.equal(createPrimitiveRays(engine, model), undefined);
    model.delete();
  });
});

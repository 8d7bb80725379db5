import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appearanceOf } from '../../src/sim/appearance.ts';
import { mujoco } from '../../src/sim/mujoco.ts';
import { createMujocoRays } from '../../src/sim/mujocoRays.ts';
import { createPrimitiveRays } from '../../src/sim/primitiveRays.ts';
import type { Hits } from '../../src/sim/rays.ts';

const shapes = `
<geom type="box" size="0.2 0.1 0.3" pos="0.4 0 0" euler="20 30 40"/>
<geom type="sphere" size="0.2" pos="-0.4 0.1 0"/>
<geom type="cylinder" size="0.15 0.2" pos="0 0.5 0.2" euler="50 20 0"/>
<geom type="capsule" size="0.1 0.2" pos="0 -0.4 0.1" euler="70 10 0"/>
<geom type="box" size="0.3 0.3 0.3" pos="0 0 0.1" group="3"/>
<geom type="box" size="0.3 0.3 0.3" pos="0 0 0.1" rgba="1 1 1 0"/>`;

/** A bowl: rays meet its inside and its outside, and no convex hull. */
const bowl = `<asset><mesh name="bowl"
  vertex="-0.3 -0.3 0  0.3 -0.3 0  0.3 0.3 0  -0.3 0.3 0  0 0 -0.3  0 0 -0.1"
  face="0 4 1  1 4 2  2 4 3  3 4 0  0 1 5  1 2 5  2 3 5  3 0 5"/></asset>`;
const bowls = `
<geom type="mesh" mesh="bowl" pos="0.1 0.2 -0.3" euler="10 20 30"/>
<geom type="mesh" mesh="bowl" pos="-0.4 -0.3 0.2" euler="190 0 60"/>
<geom type="mesh" mesh="bowl" pos="0.5 -0.4 0.2" euler="70 0 0"/>`;

const scene = (more: string) => `<mujoco>${bowl}<worldbody>${shapes}${more}</worldbody></mujoco>`;

const nothingMet = (rays: number): Hits => ({
  shapes: new Int32Array(rays).fill(-1),
  depths: new Float64Array(rays).fill(Infinity),
  normals: new Float64Array(3 * rays),
});

describe('rays at simple shapes', () => {
  const drawn = { shapes: '', 'shapes and meshes': bowls };
  for (const [what, more] of Object.entries(drawn))
    it(`meet the same ${what} at the same slant as MuJoCo’s own`, async () => {
      const engine = await mujoco();
      const model = engine.MjModel.from_xml_string(scene(more));
      const data = new engine.MjData(model);
      engine.mj_forward(model, data);
      const count = 2000;
      const along = (step: number) =>
        Float64Array.from({ length: count }, (_, ray) => 1.6 * (((ray * step) % 1) - 0.5));
      const rays = { u: along(0.618034), v: along(0.414214) };
      const from = { eye: [0, 0, 1.5], axes: [1, 0, 0, 0, 1, 0, 0, 0, 1] };
      const appearance = appearanceOf(model);
      const seen = appearance.visible.flatMap((visible, shape) => (visible ? [shape] : []));
      const mine = createPrimitiveRays(engine, model, appearance).cast(data, from, rays);
      const theirs = createMujocoRays(engine, model, seen);
      const reference = nothingMet(count);
      theirs.addTo(reference, data, from, rays);
      theirs.close();
      data.delete();
      model.delete();
      assert.deepEqual(mine.shapes, reference.shapes);
      for (let ray = 0; ray < count; ray++) {
        if (mine.shapes[ray] < 0) continue;
        assert.ok(Math.abs(mine.depths[ray] - reference.depths[ray]) < 1e-6, `ray ${ray}`);
        for (let axis = 3 * ray; axis < 3 * ray + 3; axis++)
          assert.ok(Math.abs(mine.normals[axis] - reference.normals[axis]) < 1e-6, `ray ${ray}`);
      }
      assert.deepEqual(new Set(mine.shapes), new Set([-1, ...seen]));
    });

  it('leave shapes of other kinds to MuJoCo', async () => {
    const engine = await mujoco();
    const model = engine.MjModel.from_xml_string(scene('<geom type="ellipsoid" size="1 2 3"/>'));
    const rays = createPrimitiveRays(engine, model, appearanceOf(model));
    const cast = Array.from({ length: model.ngeom }, (_, shape) => rays.casts(shape));
    assert.deepEqual(cast, [true, true, true, true, false, false, false]);
    model.delete();
  });
});

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { alohaScene, cubeXml } from '../../src/sim/scene.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { snapshot } from '../../src/sim/snapshot.ts';

const tetrahedron =
  'v 0 0 0\nv 0.1 0 0\nv 0 0.1 0\nv 0 0 0.1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n';

describe('a scene by path', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scene-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function scene(name: string, xml: string) {
    const file = join(folder, name);
    await writeFile(file, xml);
    return file;
  }

  it('takes its includes and meshes along', async () => {
    await mkdir(join(folder, 'meshes'), { recursive: true });
    await writeFile(join(folder, 'meshes', 'rock.obj'), tetrahedron);
    await scene('objects.xml', `<mujocoinclude>${cubeXml}</mujocoinclude>`);
    const whole = alohaScene(
      '<include file="objects.xml"/><geom type="mesh" mesh="rock" pos="0 0.8 0"/>',
    )
      .replace('<compiler', '<compiler meshdir="meshes"')
      .replace('<worldbody>', '<asset><mesh file="rock.obj"/></asset><worldbody>');
    const sim = await simulatedAloha({
      task: 'transfer-cube',
      scene: await scene('whole.xml', whole),
    });
    assert.equal(sim.picture('cam_high').length, 96 * 96 * 3);
    assert.equal(sim.positions().length, 14);
    await sim.close();
  });

  it('is refused by naming all that it lacks', async () => {
    const file = await scene(
      'lacking.xml',
      alohaScene(cubeXml)
        .replace('name="cam_low"', 'name="front"')
        .replaceAll('vx300s_left/waist', 'left/waist'),
    );
    await assert.rejects(
      simulatedAloha({ task: 'transfer-cube', scene: file }),
      (error: Error) =>
        error.message.includes(file) &&
        error.message.includes('joint "vx300s_left/waist"') &&
        error.message.includes('camera "cam_low"'),
    );
  });

  it('is refused where a file it names is absent, or where it is no MJCF', async () => {
    const dangling = await scene('dangling.xml', '<mujoco><include file="gone.xml"/></mujoco>');
    await assert.rejects(simulatedAloha({ task: 'insertion', scene: dangling }), /"gone\.xml"/);
    const broken = await scene('broken.xml', '<mujoco><worldbody></mujoco>');
    await assert.rejects(simulatedAloha({ task: 'insertion', scene: broken }), /broken\.xml/);
    const absent = join(folder, 'absent.xml');
    await assert.rejects(simulatedAloha({ task: 'insertion', scene: absent }), /absent\.xml/);
  });
});

describe('a snapshot', () => {
  it('is a PNG with the cameras two beside each other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'snapshot-'));
    const file = join(folder, 'cameras.png');
    const sim = await simulatedAloha({ task: 'insertion' });
    await snapshot(sim, ['cam_high', 'cam_low', 'cam_left_wrist'], file, { width: 64, height: 48 });
    await sim.close();
    const { format, width, height } = await sharp(file).metadata();
    await rm(folder, { recursive: true });
    assert.deepEqual({ format, width, height }, { format: 'png', width: 128, height: 96 });
  });
});

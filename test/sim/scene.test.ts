import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { alohaScene, cubeXml } from '../../src/sim/scene.ts';
import { simulatedAloha } from '../../src/sim/simulatedAloha.ts';
import { snapshot } from '../../src/sim/snapshot.ts';
import { assertRejectsAbout } from '../refusals.ts';

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

  /** Files of a scene in a folder of its own. */
  async function files(name: string, contents: Record<string, string>) {
    for (const [file, content] of Object.entries(contents)) {
      const path = join(folder, name, file);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
    }
    return join(folder, name);
  }

  const shown = '<worldbody><geom type="mesh" mesh="rock" pos="0 0.8 0"/>';
  const rock = '<asset><mesh name="rock" file="rock.obj"/></asset>';
  const part = `<mujocoinclude>${rock}</mujocoinclude>`;
  const whole = (more: string) => alohaScene(cubeXml).replace('<worldbody>', `${more}${shown}`);
  const meshdir = (of: string) => alohaScene('').replace('<compiler', `<compiler meshdir="${of}"`);

  const loadable: Record<string, { files: Record<string, string>; main?: string }> = {
    'a mesh folder that is set above the include of the mesh': {
      files: {
        'scene.xml': meshdir('assets').replace(
          '<worldbody>',
          `<include file="parts.xml"/>${shown}${cubeXml}`,
        ),
        'parts.xml': part,
        'assets/rock.obj': tetrahedron,
      },
    },
    'a mesh folder that an include sets': {
      files: {
        'scene.xml': whole(`<include file="compiler.xml"/>${rock}`),
        'compiler.xml': '<mujocoinclude><compiler meshdir="assets"/></mujocoinclude>',
        'assets/rock.obj': tetrahedron,
      },
    },
    'includes of includes, from the folder of the scene': {
      files: {
        'scene.xml': whole('<include file="parts/outer.xml"/>'),
        'parts/outer.xml': '<mujocoinclude><include file="inner.xml"/></mujocoinclude>',
        'inner.xml': part,
        'parts/inner.xml': '<mujocoinclude/>',
        'rock.obj': tetrahedron,
      },
    },
    'an include in a comment, single quotes, another ending': {
      files: {
        'scene.mjcf': whole(`<!-- <include file="gone.xml"/> -->${rock.replaceAll('"', "'")}`),
        'rock.obj': tetrahedron,
      },
      main: 'scene.mjcf',
    },
    'names with spaces and letters beyond ASCII, and a folder above': {
      files: {
        'a scene/szene ü.xml': whole(rock.replace('rock.obj', '../größe/ein stein.obj')),
        'größe/ein stein.obj': tetrahedron,
      },
      main: 'a scene/szene ü.xml',
    },
    'two meshes of one name in different folders': {
      files: {
        'scene.xml': whole(
          `${rock.replace('rock.obj', 'a/part.obj')}<asset><mesh name="other" file="b/part.obj"/></asset>`,
        ),
        'a/part.obj': tetrahedron,
        'b/part.obj': tetrahedron.replaceAll('0.1', '0.2'),
      },
    },
  };

  for (const [what, { files: contents, main = 'scene.xml' }] of Object.entries(loadable))
    it(`may have ${what}`, async () => {
      const scene = join(await files(what, contents), main);
      await (await simulatedAloha({ task: 'transfer-cube', scene })).close();
    });

  it('may name a file by its absolute path, which may be a link', async () => {
    const place = await files('absolute', { 'meshes/rock.obj': tetrahedron });
    await symlink(join(place, 'meshes'), join(place, 'linked'));
    const file = join(place, 'scene.xml');
    await writeFile(file, whole(rock.replace('rock.obj', join(place, 'linked', 'rock.obj'))));
    await (await simulatedAloha({ task: 'transfer-cube', scene: file })).close();
  });

  it('is refused by naming all that it lacks', async () => {
    const file = await scene(
      'lacking.xml',
      alohaScene(cubeXml)
        .replace('geom name="table"', 'geom name="desk"')
        .replaceAll('vx300s_left/waist', 'left/waist'),
    );
    await assert.rejects(
      simulatedAloha({ task: 'transfer-cube', scene: file }),
      (error: Error) =>
        error.message.includes(file) &&
        error.message.includes('joint "vx300s_left/waist" is missing') &&
        error.message.includes('geom "table" is missing'),
    );
  });

  it('is refused where it lacks a camera that is looked through, and told which it has', async () => {
    const file = await scene(
      'cameras.xml',
      alohaScene(cubeXml).replace('name="cam_low"', 'name="front"'),
    );
    await assertRejectsAbout(simulatedAloha({ task: 'transfer-cube', scene: file }), {
      ...{ kind: 'missing', subject: 'cameras.xml', fields: ['cam_low'] },
      names: ['cam_low', 'cam_high', 'front', 'cam_left_wrist'],
    });
    const sim = await simulatedAloha({
      task: 'transfer-cube',
      scene: file,
      optionalCameras: ['cam_low'],
    });
    assert.deepEqual(
      sim.embodiment.cameras.map(({ name }) => name),
      ['cam_high', 'cam_left_wrist', 'cam_right_wrist'],
    );
    assert.ok(sim.sceneCameras.includes('front'));
    await sim.close();
  });

  it('is refused where a file it names is absent, or where it is no MJCF', async () => {
    const dangling = await scene(
      'dangling.xml',
      '<mujoco><asset><mesh file="gone.stl"/></asset></mujoco>',
    );
    const insertion = (file: string) => simulatedAloha({ task: 'insertion', scene: file });
    await assertRejectsAbout(insertion(dangling), {
      ...{ kind: 'invalid', subject: 'dangling.xml', names: [join(folder, 'gone.stl')] },
    });
    const broken = await scene('broken.xml', '<mujoco><worldbody></mujoco>');
    await assertRejectsAbout(insertion(broken), { kind: 'invalid', subject: 'broken.xml' });
    const absent = join(folder, 'absent.xml');
    await assertRejectsAbout(insertion(absent), { kind: 'missing', subject: 'absent.xml' });
    await assertRejectsAbout(insertion(folder), { kind: 'invalid', subject: folder });
  });

  it('is refused where it names what is no regular file', async () => {
    const place = await files('device', {
      'scene.xml': whole(rock.replace('rock.obj', 'rock.stl')),
    });
    await symlink('/dev/zero', join(place, 'rock.stl'));
    await assertRejectsAbout(
      simulatedAloha({ task: 'transfer-cube', scene: join(place, 'scene.xml') }),
      { kind: 'invalid', subject: 'scene.xml', names: ['rock.stl'] },
    );
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

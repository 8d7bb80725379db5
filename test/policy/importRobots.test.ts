import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeTransforms } from '../../src/policy/vectors/transforms.ts';
import { withFolder } from '../onnx/run.ts';
import { writeProcessors } from './checkpoints.ts';
import { assertSaid } from '../refusals.ts';
import { golden, imported, refused } from './importing.ts';
import { ROW, momentsOf, tinyDimensions, writeOpenpi } from './tinyOpenpi.ts';

/** Nothing but what a test says. */
const UNSAID = { embodiment: undefined, adaptToPi: undefined, deltaActions: undefined };

/** What openpi's conversion writes of a policy with vectors of these sizes. */
const openpi =
  (asset: string, [state, actions]: [number, number], variant: 'pi0' | 'pi05' = 'pi0') =>
  (folder: string) =>
    writeOpenpi(folder, tinyDimensions(variant, 10), {
      asset,
      state: momentsOf(state, 0),
      actions: momentsOf(actions, 0),
    });

const feature = (type: string, ...shape: number[]) => ({ type, shape });
const picture = feature('VISUAL', 3, 224, 224);

/** What lerobot writes of a policy with these features and further fields. */
const lerobot =
  (
    [state, actions]: [number, number],
    cameras: readonly string[],
    fields: Record<string, unknown> = {},
  ) =>
  async (folder: string) => {
    await golden(
      {
        input_features: {
          'observation.state': feature('STATE', state),
          ...Object.fromEntries(cameras.map((name) => [`observation.images.${name}`, picture])),
        },
        output_features: { action: feature('ACTION', actions) },
        use_relative_actions: false,
        ...fields,
      },
      undefined,
      { stats: false },
    )(folder);
    await writeProcessors(folder, { vectors: [momentsOf(state, 0), momentsOf(actions, 0)] });
  };

const SO_NAMES = ['shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll', 'gripper'].map((name) => `${name}.pos`); // prettier-ignore
const soArm = lerobot([6, 6], ['front', 'wrist'], { action_feature_names: SO_NAMES });

describe('the robot of an imported policy', () => {
  it("is that of the folder of openpi's statistics", async () => {
    const cases: [string, [number, number], string, string[]][] = [
      ['droid', [8, 8], 'droid', ['exterior_image_1_left', 'wrist_image_left']],
      ['physical-intelligence/libero', [8, 7], 'libero', ['image', 'wrist_image']],
    ];
    for (const [asset, sizes, name, cameras] of cases)
      await imported(
        openpi(asset, sizes),
        ({ bundle, robot }) => {
          assert.equal(bundle.embodiment, name);
          assert.deepEqual(bundle.cameras, cameras);
          assert.match(robot.by, /assets.*norm_stats\.json$/);
        },
        { ...UNSAID, deltaActions: false },
      );
  });

  it('is the simulated ALOHA with one camera where openpi’s statistics are of its data', () =>
    imported(
      openpi('lerobot/aloha_sim_transfer_cube_human', [14, 14]),
      ({ bundle }) => {
        assert.equal(bundle.embodiment, 'aloha');
        assert.deepEqual(bundle.cameras, ['cam_high']);
      },
      { ...UNSAID, adaptToPi: true, deltaActions: false },
    ));

  it('is LIBERO’s by the sizes of lerobot’s features, without the camera that is always missing', () =>
    imported(
      lerobot([8, 7], ['image', 'image2', 'empty_camera_0']),
      ({ bundle, robot }) => {
        assert.equal(bundle.embodiment, 'libero');
        assert.deepEqual(bundle.cameras, ['image', 'wrist_image']);
        assertSaid(robot.by, 'sizes');
      },
      UNSAID,
    ));

  it('has only the cameras of published names that it has', () =>
    imported(
      lerobot([8, 7], ['base_0_rgb', 'left_wrist_0_rgb', 'right_wrist_0_rgb']),
      ({ bundle }) => assert.deepEqual(bundle.cameras, ['image', 'wrist_image']),
      UNSAID,
    ));

  it('is asked for where several would fit, or none is named', async () => {
    await refused(
      soArm,
      {
        kind: 'unsaid',
        subject: 'checkpoint',
        fields: ['--embodiment'],
        names: ['so100', 'so101'],
      },
      UNSAID,
    );
    const anonymous = lerobot([6, 6], ['front']);
    await refused(
      anonymous,
      {
        kind: 'unsaid',
        subject: 'checkpoint',
        fields: ['--embodiment'],
        names: ['aloha', 'droid', 'libero'],
      },
      UNSAID,
    );
  });

  it('has no flag of another one', async () => {
    const droid = openpi('droid', [8, 8]);
    await refused(droid, { kind: 'unsupported', subject: 'checkpoint', fields: ['--adapt-to-pi'] }, { ...UNSAID, adaptToPi: true, deltaActions: false }); // prettier-ignore
    await refused(
      droid,
      { kind: 'unsupported', fields: ['--units'] },
      { ...UNSAID, units: 'degrees', deltaActions: false },
    );
  });

  it('says what relative actions are for it', () =>
    refused(
      openpi('droid', [8, 8]),
      {
        kind: 'unsaid',
        subject: 'checkpoint',

        fields: ['--delta-actions', '--no-delta-actions'],
        names: ['JOINT_POSITION'],
      },
      {
        ...UNSAID,
      },
    ));
});

describe('the state of an imported π0.5', () => {
  const ofLibero = openpi('physical-intelligence/libero', [8, 7], 'pi05');
  const said = { ...UNSAID, deltaActions: false };

  it('is asked for where openpi’s own policies differ', async () => {
    await refused(
      ofLibero,
      {
        kind: 'unsaid',
        subject: 'checkpoint',
        fields: ['--state-in-prompt', '--no-state-in-prompt'],
        names: ['pi05_libero'],
      },
      said,
    );
    await imported(
      ofLibero,
      ({ bundle, stateInPrompt }) => {
        assert.deepEqual(stateInPrompt, { value: false, by: 'as you say' });
        assert.equal((bundle.architecture as { stateInPrompt?: boolean }).stateInPrompt, false);
      },
      { ...said, stateInPrompt: false },
    );
  });

  it('is in the prompt for other robots, as openpi’s default is', () =>
    imported(
      openpi('droid', [8, 8], 'pi05'),
      ({ stateInPrompt }) => assert.deepEqual(stateInPrompt, { value: true, by: "openpi's default" }),
      said,
    )); // prettier-ignore

  it('is no matter of a π0', () =>
    refused(
      openpi('droid', [8, 8]),
      {
        kind: 'unsupported',
        subject: 'checkpoint',
        fields: ['--state-in-prompt'],
        names: ['--no-state-in-prompt'],
      },
      {
        ...said,
        stateInPrompt: false,
      },
    ));
});

describe('the units of an imported policy for the SO-101', () => {
  const so101 = { ...UNSAID, embodiment: 'so101' as const };
  /** The robot's state in the policy's units, before normalisation. */
  const inUnits = (transforms: { type: string }[], state: number[]) =>
    makeTransforms(transforms.slice(0, 1), { stateDim: 6, actionDim: 6 }).state(
      Float64Array.from(state),
    );
  const state = [0.5, -0.5, 1, 0.1, -1, 0.25];
  const near = (got: Float32Array, expected: number[]) =>
    expected.forEach((value, i) =>
      assert.ok(Math.abs(got[i] - value) < 1e-4, `${[...got].join()}`),
    );

  it('are asked for', () =>
    refused(
      soArm,
      {
        kind: 'unsaid',
        subject: 'checkpoint',
        fields: ['--units'],
        names: ['--units degrees', '--units percent'],
      },
      so101,
    ));

  it('are degrees, and the jaw percent', () =>
    imported(
      soArm,
      ({ bundle }) => {
        assert.equal(bundle.transforms.length, 2);
        const degrees = state.slice(0, 5).map((rad) => (rad * 180) / Math.PI);
        near(inUnits(bundle.transforms, state), [...degrees, 25]);
      },
      { ...so101, units: 'degrees' },
    ));

  it('are percent of the ranges that lerobot measured', () =>
    withFolder(async (folder) => {
      await refused(
        soArm,
        { kind: 'unsaid', fields: ['--ranges'], names: ['--units percent'] },
        { ...so101, units: 'percent' },
      );
      const ranges = join(folder, 'arm.json');
      // Half a turn each: 4095 ticks are 360 degrees, as lerobot counts them.
      const motor = { id: 1, drive_mode: 0, homing_offset: 3, range_min: 1000, range_max: 3047.5 };
      const named = SO_NAMES.map((name) => [name.replace('.pos', ''), motor] as const);
      await writeFile(ranges, JSON.stringify(Object.fromEntries(named)));
      await imported(
        soArm,
        ({ bundle }) => {
          const percents = state.slice(0, 5).map((rad) => (100 * rad) / (Math.PI / 2));
          near(inUnits(bundle.transforms, state), [...percents, 25]);
        },
        { ...so101, units: 'percent', ranges },
      );
      await writeFile(ranges, JSON.stringify({ shoulder_pan: motor }));
      await refused(
        soArm,
        { kind: 'invalid', fields: ['shoulder_lift'] },
        { ...so101, units: 'percent', ranges },
      );
    }));

  it('stay as they are where they are the robot’s', () =>
    imported(soArm, ({ bundle }) => assert.equal(bundle.transforms.length, 1), {
      ...so101,
      units: 'radians',
    }));
});

describe('rows of published policies', () => {
  it('are 32 numbers, of which the robot has the first', () =>
    imported(
      openpi('physical-intelligence/libero', [8, 7]),
      ({ bundle }) => {
        assert.equal(bundle.shape.actionDim, ROW);
        const { actionSize } = makeTransforms(bundle.transforms, bundle.shape);
        assert.equal(actionSize(8), 7);
      },
      { ...UNSAID, deltaActions: true },
    ));
});

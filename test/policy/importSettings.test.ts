import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Bundle } from '../../src/policy/bundle.ts';
import { withFolder } from '../onnx/run.ts';
import { STATS, openpiStats, writeAsset, writeProcessors } from './checkpoints.ts';

import { golden, imported, refused } from './importing.ts';

describe('the statistics of an imported policy', () => {
  const meanStd = (convention: 'openpi' | 'lerobot') => ({
    type: 'meanStd',
    convention,
    state: { mean: STATS.state.mean, std: STATS.state.std },
    actions: { mean: STATS.actions.mean, std: STATS.actions.std },
  });
  const none = golden({}, undefined, { stats: false });

  it('come from openpi’s assets', () =>
    imported(golden(), ({ bundle }) => {
      assert.deepEqual(bundle.transforms, [meanStd('openpi')]);
    }));

  it('come from openpi’s assets that are padded to the policy’s width', () =>
    imported(
      async (folder) => {
        await none(folder);
        await writeAsset(folder, 'trossen', openpiStats(32));
      },
      ({ bundle }) => assert.deepEqual(bundle.transforms, [meanStd('openpi')]),
    ));

  it('come from lerobot’s processors, before assets', () =>
    imported(
      async (folder) => {
        await golden()(folder);
        await writeProcessors(folder);
      },
      ({ bundle, statistics }) => {
        assert.deepEqual(bundle.transforms, [meanStd('lerobot')]);
        assert.match(statistics.value, /normalizer_processor\.safetensors$/);
      },
    ));

  it('come from buffers among the weights, as lerobot once kept them', () =>
    imported(
      golden(
        {},
        (all) => [
          ...all,
          ...Object.entries({
            'normalize_inputs.buffer_observation_state': STATS.state,
            'normalize_targets.buffer_action': STATS.actions,
            'unnormalize_outputs.buffer_action': STATS.actions,
          }).flatMap(([buffer, { mean, std }]) =>
            Object.entries({ mean, std }).map(([statistic, values]) => ({
              name: `${buffer}.${statistic}`,
              shape: [14],
              data: Float32Array.from(values),
            })),
          ),
        ],
        { stats: false },
      ),
      ({ bundle }) => assert.deepEqual(bundle.transforms, [meanStd('lerobot')]),
    ));

  it('come from a file, before all else: openpi’s, or a lerobot data set’s', async () => {
    const files = {
      openpi: openpiStats(),
      lerobot: { 'observation.state': STATS.state, action: STATS.actions, index: { min: [0] } },
    };
    for (const convention of ['openpi', 'lerobot'] as const) {
      await withFolder(async (root) => {
        const stats = join(root, 'stats.json');
        await writeFile(stats, JSON.stringify(files[convention]));
        await imported(
          none,
          ({ bundle }) => assert.deepEqual(bundle.transforms, [meanStd(convention)]),
          {
            stats,
          },
        );
      });
    }
  });

  it('are quantiles where the configuration says so', () =>
    imported(
      async (folder) => {
        await golden({ normalization_mapping: { STATE: 'QUANTILES', ACTION: 'QUANTILES' } })(
          folder,
        );
        await writeProcessors(folder);
      },
      ({ bundle }) =>
        assert.deepEqual(bundle.transforms, [
          {
            type: 'quantile',
            state: { q01: STATS.state.q01, q99: STATS.state.q99 },
            actions: { q01: STATS.actions.q01, q99: STATS.actions.q99 },
          },
        ]),
    ));

  it('are refused where there are none, with what can be given', () =>
    refused(
      none,
      /no normalisation statistics[\s\S]*--stats FILE: norm_stats\.json[\s\S]*stats\.json/,
    ));

  it('are refused where a base policy has buffers that nobody has filled', () =>
    refused(
      golden(
        {},
        (all) => [
          ...all,
          {
            name: 'normalize_inputs.buffer_observation_state.mean',
            shape: [14],
            data: new Float32Array(14).fill(Infinity),
          },
        ],
        { stats: false },
      ),
      /no normalisation statistics/,
    ));

  it('are refused where there are those of several robots, with all of them', () =>
    refused(async (folder) => {
      await golden()(folder);
      await writeAsset(folder, 'droid', openpiStats());
    }, /several robots; say which with --stats:[\s\S]*droid[\s\S]*trossen/));

  it('are refused where they are of another robot', () => {
    const moments = { mean: [0.1, 0.2, 0.3, 0, 0, 0, 1, 2], std: [1, 1, 1, 1, 1, 1, 1, 1] };
    return refused(async (folder) => {
      await none(folder);
      await writeAsset(folder, 'libero', { norm_stats: { state: moments, actions: moments } });
    }, /libero.*another robot: mean of the state is of 8 joints, aloha has 14.*--stats/);
  });

  it('are refused where the checkpoint names another robot’s joints', () =>
    refused(
      golden({ action_feature_names: ['shoulder_pan.pos', 'shoulder_lift.pos', 'gripper.pos'] }),
      /another robot than aloha:[\s\S]*joint 0: shoulder_pan in the place of left_waist[\s\S]*joint 13: none/,
    ));

  it('are refused where the file that the preprocessor names is not there', () =>
    refused(async (folder) => {
      await none(folder);
      await writeProcessors(folder);
      await rm(join(folder, 'policy_postprocessor_step_0_unnormalizer_processor.safetensors'));
    }, /policy_postprocessor\.json keeps its statistics in .*not there; fetch it/));
});

describe('what a policy’s vectors mean', () => {
  const open = { adaptToPi: undefined, deltaActions: undefined };
  const kinds = ({ transforms }: Bundle) =>
    transforms.map((one) => (one.type === 'deltaActions' ? one.mask.join() : one.type));

  it('must be said where the checkpoint does not, and the error lists both choices', () =>
    refused(
      golden(),
      /Say what it was trained with:[\s\S]*--adapt-to-pi [\s\S]*--no-adapt-to-pi [\s\S]*--delta-actions [\s\S]*--no-delta-actions /,
      open,
    ));

  it('is read from lerobot’s older configuration, and told', () =>
    imported(
      golden({
        adapt_to_pi_aloha: true,
        use_delta_joint_actions_aloha: true,
        proj_width: 48,
        resize_imgs_with_padding: [56, 56],
        num_steps: 7,
        num_inference_steps: null,
      }),
      ({ bundle, adapt, delta, notes }) => {
        assert.deepEqual(kinds(bundle), ['aloha', '6,-1,6,-1', 'meanStd']);
        assert.deepEqual(bundle.transforms[0], { type: 'aloha', convention: 'lerobot' });
        assert.match(adapt.by, /adapt_to_pi_aloha/);
        assert.match(delta.by, /use_delta_joint_actions_aloha/);
        assert.equal(bundle.steps, 7);
        assert.match(notes.join(), /padded images at the top and left/);
      },
      open,
    ));

  it('is what the user says, whatever the configuration does', () =>
    imported(
      golden({ adapt_to_pi_aloha: false, use_relative_actions: true }),
      ({ bundle }) => assert.deepEqual(kinds(bundle), ['aloha', 'meanStd']),
      { adaptToPi: true, deltaActions: false },
    ));

  it('may be relative in all joints, where lerobot leaves none absolute', () =>
    imported(
      golden({ use_relative_actions: true, relative_exclude_joints: [] }),
      ({ bundle }) => assert.deepEqual(kinds(bundle), ['14', 'meanStd']),
      { adaptToPi: false, deltaActions: undefined },
    ));
});

describe('the cameras of an imported policy', () => {
  const visual = { type: 'VISUAL', shape: [3, 224, 224] };
  const features = {
    'observation.images.base_0_rgb': visual,
    'observation.images.left_wrist_0_rgb': visual,
    'observation.images.right_wrist_0_rgb': visual,
    'observation.images.empty_camera_0': visual,
    'observation.state': { type: 'STATE', shape: [14] },
  };
  const ALOHA = ['cam_high', 'cam_left_wrist', 'cam_right_wrist'];

  it('are those of its configuration, by the robot’s names', () =>
    imported(golden({ input_features: features }), ({ bundle, cameras }) => {
      assert.deepEqual(bundle.cameras, ALOHA);
      assert.match(cameras.by, /input_features/);
    }));

  it('are openpi’s for the robot where the configuration has none', () =>
    imported(golden(), ({ bundle }) => assert.deepEqual(bundle.cameras, ALOHA)));

  it('are what the user says', () =>
    imported(
      golden({ input_features: features }),
      ({ bundle }) => assert.deepEqual(bundle.cameras, ['top']),
      {
        cameras: ['top'],
      },
    ));
});

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeltaActions } from '../../src/policy/vectors/deltaActions.ts';
import { isNormalisation } from '../../src/policy/vectors/normalisation.ts';
import { describe, it } from 'node:test';
import { withFolder } from '../onnx/run.ts';
import { STATS, openpiStats, writeAsset, writeProcessors } from './checkpoints.ts';

import { type About, assertSaid } from '../refusals.ts';
import { golden, imported, refused } from './importing.ts';
import { type Bundle } from '../../src/policy/bundle/config.ts';

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

  it('are quantiles where the configuration says so, and the processors nothing', () =>
    imported(
      async (folder) => {
        await golden({ normalization_mapping: { STATE: 'QUANTILES', ACTION: 'QUANTILES' } })(
          folder,
        );
        await writeProcessors(folder, { fields: { norm_map: null } });
      },
      ({ bundle }) =>
        assert.deepEqual(bundle.transforms, [
          {
            type: 'quantile',
            convention: 'lerobot',
            state: { q01: STATS.state.q01, q99: STATS.state.q99 },
            actions: { q01: STATS.actions.q01, q99: STATS.actions.q99 },
          },
        ]),
    ));

  it('are what the processors normalise with, whatever the configuration says', () =>
    imported(
      async (folder) => {
        await golden({ normalization_mapping: { STATE: 'MEAN_STD', ACTION: 'MEAN_STD' } })(folder);
        await writeProcessors(folder, { norm: { STATE: 'QUANTILES', ACTION: 'QUANTILES' } });
      },
      ({ bundle, statistics }) => {
        assert.equal(bundle.transforms.at(-1)?.type, 'quantile');
        assertSaid(statistics.by, 'norm_map', 'against normalization_mapping');
      },
    ));

  it('are those of the postprocessor for actions, which it makes of a chunk', () => {
    const actions = { ...STATS.actions, mean: STATS.actions.mean.map((value) => value + 1) };
    return imported(
      async (folder) => {
        await golden()(folder);
        await writeProcessors(folder, { actions });
      },
      ({ bundle: { transforms } }) => {
        assert.ok(isNormalisation(transforms[0]) && transforms[0].type === 'meanStd');
        assert.deepEqual(transforms[0].state.mean, STATS.state.mean);
        assert.deepEqual(transforms[0].actions.mean, actions.mean);
      },
    );
  });

  it('are refused by the file that they are in', () =>
    refused(
      async (folder) => {
        await golden()(folder);
        const actions = { ...STATS.actions, mean: STATS.actions.mean.with(13, NaN) };
        await writeProcessors(folder, { actions });
      },
      {
        kind: 'invalid',
        subject: 'policy_postprocessor_step_0_unnormalizer_processor.safetensors',
        fields: ['mean'],
        names: ['actions', 'NaN', '13', 'right_gripper'],
      },
    ));

  it('are refused where the processors normalise otherwise than a bundle can', async () => {
    const norm = { STATE: 'MEAN_STD', ACTION: 'MEAN_STD' };
    const cases: [Parameters<typeof writeProcessors>[1], About][] = [
      [
        { norm: { ...norm, ACTION: 'MIN_MAX' } },
        {
          kind: 'unsupported',
          fields: ['STATE', 'ACTION'],
          names: ['norm_map', 'MEAN_STD', 'MIN_MAX'],
        },
      ],
      [{ norm: {} }, { kind: 'unsupported', fields: ['STATE', 'ACTION'], names: ['IDENTITY'] }],
      [
        { normOfActions: { ACTION: 'QUANTILES' } },
        { kind: 'mismatch', subject: 'policy_preprocessor.json', names: ['MEAN_STD', 'QUANTILES'] },
      ],
      [
        { fields: { eps: 0.01 } },
        {
          kind: 'unsupported',
          subject: 'policy_preprocessor.json',
          fields: ['eps'],
          names: ['normalizer_processor', '0.01'],
        },
      ],
      [
        { fields: { features: { action: { type: 'ACTION', shape: [14] } } } },
        {
          kind: 'unsupported',
          subject: 'policy_preprocessor.json',
          fields: ['observation.state'],
          names: ['normalizer_processor'],
        },
      ],
      [
        { before: [{ registry_name: 'scale_state_processor', config: {} }] },
        {
          kind: 'unsupported',
          subject: 'policy_preprocessor.json',
          fields: ['scale_state_processor'],
        },
      ],
    ];
    for (const [parts, message] of cases) {
      await refused(async (folder) => {
        await golden()(folder);
        await writeProcessors(folder, parts);
      }, message);
    }
  });

  it('are refused where no data can have them, by file, joint and number', async () => {
    const cases: [statistic: string, value: unknown, ...names: string[]][] = [
      ['mean', null, 'null', '2', 'left_elbow'],
      ['std', 1e39, '1e+39', '2', 'left_elbow'],
      ['mean', '0.1', '"0.1"', '2'],
      ['mean', [0.1], '2'],
      ['std', NaN, 'NaN', '2', 'left_elbow'],
      ['std', -Infinity, '-Infinity', '2'],
      ['std', -0.1, '-0.1', '2', 'left_elbow'],
      ['q01', 7, '7', 'q99', '1.125', '2'],
      ['min', 9, '9', 'max', '1', '2'],
    ];
    for (const [statistic, value, ...names] of cases) {
      const state: Record<string, unknown[]> = {
        ...structuredClone(STATS.state),
        min: Array<number>(14).fill(-1),
        max: Array<number>(14).fill(1),
      };
      state[statistic][2] = value;
      const text = JSON.stringify({ norm_stats: { ...STATS, state } }, (_, one: unknown) =>
        typeof one === 'number' && !Number.isFinite(one) ? `<${one}>` : one,
      );
      await refused(
        async (folder) => {
          await none(folder);
          const path = await writeAsset(folder, 'trossen', {});
          await writeFile(path, text.replaceAll(/"<(.*?)>"/g, '$1'));
        },
        {
          kind: 'invalid',
          subject: 'norm_stats.json',
          fields: [statistic],
          names: ['state', ...names],
        },
      );
    }
  });

  it('may hold what no normalisation reads: quantiles of null, as Python writes NaN', () =>
    imported(
      async (folder) => {
        await none(folder);
        const path = await writeAsset(folder, 'trossen', {});
        const state = { ...STATS.state, q01: null, q99: Array(14).fill(null) };
        const text = JSON.stringify({ norm_stats: { ...STATS, state } });
        await writeFile(path, text.replaceAll('null,', 'NaN,'));
      },
      ({ bundle }) => assert.deepEqual(bundle.transforms, [meanStd('openpi')]),
    ));

  it('may be padded with ones and with numbers next to nothing', () =>
    imported(
      async (folder) => {
        await golden(
          { normalization_mapping: { STATE: 'QUANTILES', ACTION: 'QUANTILES' } },
          undefined,
          { stats: false },
        )(folder);
        const padded = ({ q01, q99 }: { q01: number[]; q99: number[] }) => ({
          q01: [...q01, ...Array<number>(18).fill(-1)],
          q99: [...q99, ...Array<number>(9).fill(1), ...Array<number>(9).fill(1e-10)],
        });
        await writeAsset(folder, 'trossen', {
          norm_stats: { state: padded(STATS.state), actions: padded(STATS.actions) },
        });
      },
      ({ bundle }) => assert.equal(bundle.transforms[0].type, 'quantile'),
    ));

  it('are refused where there are none, with what can be given', () =>
    refused(none, {
      kind: 'unsaid',
      subject: 'checkpoint',
      fields: ['--stats'],
      names: ['norm_stats.json', 'meta/stats.json'],
    }));

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
      { kind: 'unsaid', subject: 'checkpoint', fields: ['--stats'] },
    ));

  it('are refused where there are those of several robots, with all of them', () =>
    refused(
      async (folder) => {
        await golden()(folder);
        await writeAsset(folder, 'droid', openpiStats());
      },
      { kind: 'unsaid', subject: 'checkpoint', fields: ['--stats'], names: ['droid', 'trossen'] },
    ));

  it('are refused where they are of another robot', () => {
    const moments = { mean: [0.1, 0.2, 0.3, 0, 0, 0, 1, 2], std: [1, 1, 1, 1, 1, 1, 1, 1] };
    return refused(
      async (folder) => {
        await none(folder);
        await writeAsset(folder, 'libero', { norm_stats: { state: moments, actions: moments } });
      },
      {
        kind: 'mismatch',
        subject: 'libero/norm_stats.json',
        fields: ['mean'],
        names: ['state', '8', 'aloha', '14', '--stats'],
      },
    );
  });

  it('are refused where the checkpoint names another robot’s joints', () =>
    refused(
      golden({ action_feature_names: ['shoulder_pan.pos', 'shoulder_lift.pos', 'gripper.pos'] }),
      { kind: 'mismatch', names: ['aloha', '0', 'shoulder_pan', 'left_waist', '13'] },
    ));

  it('are refused where the file that the preprocessor names is not there', () =>
    refused(
      async (folder) => {
        await none(folder);
        await writeProcessors(folder);
        await rm(join(folder, 'policy_postprocessor_step_0_unnormalizer_processor.safetensors'));
      },
      { kind: 'missing', subject: 'policy_postprocessor.json' },
    ));
});

describe('what a policy’s vectors mean', () => {
  const open = { adaptToPi: undefined, deltaActions: undefined };
  const kinds = ({ transforms }: Bundle) =>
    transforms.map((one) => (isDeltaActions(one) ? one.mask.join() : one.type));

  it('must be said where the checkpoint does not, and the error lists both choices', () =>
    refused(
      golden(),
      {
        kind: 'unsaid',
        subject: 'checkpoint',
        names: ['--adapt-to-pi', '--no-adapt-to-pi', '--delta-actions', '--no-delta-actions'],
      },
      open,
    ));

  it('has the network calls that --steps gives, whatever the checkpoint says', () =>
    imported(
      golden({ num_inference_steps: 7 }),
      ({ bundle }) => assert.deepEqual(bundle.integration, { steps: 3, solver: 'euler' }),
      { steps: 3 },
    ));

  it('continues the rows under way that lerobot trained it to continue', () =>
    imported(golden({ rtc_training_max_delay: 6 }), ({ bundle }) =>
      assert.equal(bundle.maxDelay, 6),
    ));

  it('continues none where lerobot trained it without', () =>
    imported(golden({ rtc_training_max_delay: 0 }), ({ bundle }) =>
      assert.equal(bundle.maxDelay, undefined),
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
        assert.match(adapt?.by ?? '', /adapt_to_pi_aloha/);
        assert.match(delta?.by ?? '', /use_delta_joint_actions_aloha/);
        assert.deepEqual(bundle.integration, { steps: 7, solver: 'euler' });
        assertSaid(notes.join('\n'), 'padded images', 'top and left');
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

describe('the relative actions of lerobot', () => {
  const open = { adaptToPi: false, deltaActions: undefined };
  const sides = ['left', 'right'];
  const ARM = ['waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate'];
  const joints = sides.flatMap((side) => [...ARM, 'gripper'].map((one) => `${side}_${one}`));
  const motors = joints.map((_, i) => `motor_${i}`);
  const maskOf = ({ transforms }: Bundle) =>
    transforms.flatMap((one) => (one.type === 'deltaActions' ? one.mask : [])).join();

  it('leave absolute what holds one of the words, and nothing where joints are not named', async () => {
    const cases: [names: string[] | null, words: string[] | undefined, mask: string][] = [
      [joints, undefined, '6,-1,6,-1'],
      [joints.map((name) => `${name}.pos`), ['Gripper'], '6,-1,6,-1'],
      [joints, ['left_gripper'], '6,-1,7'],
      [joints, ['waist', ''], '-1,6,-1,6'],
      [joints, [], '14'],
      [null, ['gripper'], '14'],
      [motors, undefined, '14'],
    ];
    for (const [names, words, mask] of cases) {
      const config = { use_relative_actions: true, relative_exclude_joints: words };
      await imported(
        golden({ ...config, action_feature_names: names }),
        ({ bundle }) => assert.equal(maskOf(bundle), mask),
        open,
      );
    }
  });

  const step = (enabled: boolean, names: string[] | null = joints) => ({
    registry_name: 'relative_actions_processor',
    config: { enabled, exclude_joints: ['gripper'], action_names: names },
  });
  const back = (enabled: boolean) => ({
    registry_name: 'absolute_actions_processor',
    config: { enabled },
  });
  const processed =
    (before: ReturnType<typeof step>, after: ReturnType<typeof back>, config = {}) =>
    async (folder: string) => {
      await golden(config)(folder);
      await writeProcessors(folder, { before: [before], after: [after] });
    };

  it('are those of the processors, before what the configuration says', async () => {
    await imported(
      processed(step(true), back(true), { use_relative_actions: false }),
      ({ bundle, delta }) => {
        assert.equal(maskOf(bundle), '6,-1,6,-1');
        assertSaid(delta?.by ?? '', 'relative_actions_processor', 'against use_relative_actions');
      },
      open,
    );
    await imported(
      processed(step(true, null), back(true)),
      ({ bundle }) => assert.equal(maskOf(bundle), '14'),
      open,
    );
    await imported(
      processed(step(false), back(false)),
      ({ bundle }) => assert.equal(maskOf(bundle), ''),
      open,
    );
  });

  it('are refused where the user says otherwise, or the two processors do not agree', async () => {
    await refused(processed(step(true), back(true)), {
      kind: 'mismatch',
      fields: ['--no-delta-actions'],
      names: ['relative_actions_processor'],
    });
    await refused(
      processed(step(true), back(false)),
      { kind: 'mismatch', subject: 'policy_preprocessor.json' },
      open,
    );
    await refused(
      processed(step(true, ['shoulder_pan.pos', 'gripper.pos']), back(true)),
      { kind: 'mismatch', names: ['action_names', 'aloha'] },
      open,
    );
  });
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

  const image = (name: string) => `observation.images.${name}`;
  const renamed =
    (renames: Record<string, string>, training?: Record<string, string>) =>
    async (folder: string) => {
      const of = (names: Record<string, string>) =>
        Object.fromEntries(Object.entries(names).map(([from, to]) => [image(from), image(to)]));
      await golden({ input_features: features })(folder);
      await writeProcessors(folder, { renames: of(renames) });
      if (training)
        await writeFile(
          join(folder, 'train_config.json'),
          JSON.stringify({ rename_map: of(training) }),
        );
    };
  const LOW = {
    cam_left_wrist: 'right_wrist_0_rgb',
    cam_low: 'base_0_rgb',
    cam_right_wrist: 'left_wrist_0_rgb',
  };

  it('are those that training has renamed, in the order of the policy’s features', async () => {
    for (const make of [renamed(LOW), renamed({}, LOW), renamed(LOW, LOW)]) {
      await imported(make, ({ bundle, cameras }) => {
        assert.deepEqual(bundle.cameras, ['cam_low', 'cam_right_wrist', 'cam_left_wrist']);
        assert.match(cameras.by, /rename_map in .*json/);
      });
    }
  });

  it('are not renamed by names that are no features, as those of cameras alone', async () => {
    const bare =
      (...maps: Record<string, string>[]) =>
      async (folder: string) => {
        await golden({ input_features: features })(folder);
        await writeProcessors(folder, { renames: Object.assign({}, ...maps) as typeof LOW });
      };
    await refused(bare({ cam_low: image('base_0_rgb') }), {
      kind: 'invalid',
      fields: ['cam_low'],
      names: ['rename_map', 'observation.images.cam_low', '--cameras'],
    });
    await refused(bare({ [image('cam_low')]: 'base_0_rgb' }), { kind: 'invalid', fields: ['base_0_rgb'] }); // prettier-ignore
    await imported(
      bare({ cam_low: 'base_0_rgb' }),
      ({ bundle }) => assert.deepEqual(bundle.cameras, ['a', 'b', 'c']),
      { cameras: ['a', 'b', 'c'] },
    );
  });

  it('are asked for where renaming leaves one open, or says two things', async () => {
    await refused(renamed({ cam_high: 'base_0_rgb' }), {
      kind: 'unsaid',
      fields: ['--cameras'],
      names: ['rename_map', 'observation.images.left_wrist_0_rgb'],
    });
    await refused(renamed({ ...LOW, cam_high: 'base_0_rgb' }), {
      kind: 'invalid',
      fields: ['rename_map'],
      names: [
        'observation.images.base_0_rgb',
        'observation.images.cam_low',
        'observation.images.cam_high',
      ],
    });
    await refused(
      renamed(LOW, { ...LOW, cam_low: 'left_wrist_0_rgb', cam_right_wrist: 'base_0_rgb' }),
      { kind: 'mismatch', subject: 'policy_preprocessor.json', fields: ['rename_map'] },
    );
  });

  it('are what the user says', () =>
    imported(
      golden({ input_features: features }),
      ({ bundle }) => assert.deepEqual(bundle.cameras, ['top']),
      {
        cameras: ['top'],
      },
    ));
});

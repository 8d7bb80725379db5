import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { type Calibration, embodimentOf } from '../../src/robot/calibration.ts';
import { calibrationYaml } from '../../src/robot/calibrationFile.ts';
import { loadCalibration, parseCalibration } from '../../src/robot/calibrationFile.ts';
import { assertRejectsAbout } from '../refusals.ts';
import { refused } from './refusedCalibration.ts';

const aloha = await loadCalibration('calibration/aloha-1.0.yaml');

const changed = (change: (calibration: Calibration) => void): string => {
  const copy = parse(stringify(aloha)) as Calibration;
  change(copy);
  return stringify(copy);
};

const FILES = ['aloha-1.0', 'aloha-2.0', 'aloha-mobile', 'aloha-sim'];

describe("ALOHA's calibrations", () => {
  it('have fourteen joints in order, left arm first, the same of all', async () => {
    const names = 'waist shoulder elbow forearm_roll wrist_angle wrist_rotate gripper'.split(' ');
    for (const file of FILES) {
      const { joints } = await loadCalibration(`calibration/${file}.yaml`);
      assert.deepEqual(
        joints.map(({ name, arm, joint }) => [name, arm, joint]),
        ['left', 'right'].flatMap((side) => names.map((name) => [`${side}_${name}`, side, name])),
      );
      assert.deepEqual(
        joints.slice(7, 13).map(({ home }) => home),
        [0, -0.96, 1.16, 0, -0.3, 0],
      );
    }
  });

  it('have the cameras of their model, under its topics', async () => {
    const cameras = async (file: string) =>
      (await loadCalibration(`calibration/${file}.yaml`)).cameras.map(({ name, topic }) => [
        name,
        topic.split('/')[1],
      ]);
    const names = ['cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist'];
    assert.deepEqual(
      await cameras('aloha-1.0'),
      names.map((name) => [name, name]),
    );
    assert.deepEqual(
      (await cameras('aloha-2.0')).map(([, topic]) => topic),
      ['camera_high', 'camera_low', 'camera_wrist_left', 'camera_wrist_right'],
    );
    assert.deepEqual(
      (await cameras('aloha-mobile')).map(([name]) => name),
      names.filter((name) => name !== 'cam_low'),
    );
  });

  it('keep the real arms inside the limits of their URDF', async () => {
    const simulated = await loadCalibration('calibration/aloha-sim.yaml');
    aloha.joints.forEach(({ kind, lower, upper, velocity }, i) => {
      if (kind === 'gripper') return;
      assert.ok(lower > simulated.joints[i].lower && upper < simulated.joints[i].upper);
      assert.ok(velocity < Math.PI);
    });
  });

  it('leave above the driver what an embodiment is', async () => {
    const simulated = embodimentOf(await loadCalibration('calibration/aloha-sim.yaml'));
    assert.deepEqual(simulated.cameras[0], { name: 'cam_high', width: 96, height: 96, mount: 'fixed', noiseless: true }); // prettier-ignore
    assert.deepEqual(Object.keys(simulated.joints[0]), [
      'name',
      'kind',
      'lower',
      'upper',
      'velocity',
      'acceleration',
      'home',
    ]);
  });

  it('say where arms stand in space if they are to be kept there, and how sharply joints may move', () => {
    const text = changed((calibration) => {
      calibration.workspace!.enforced = true;
      calibration.leastDistance = 0.08;
      calibration.joints[8].acceleration = 40;
    });
    const calibration = parseCalibration(text, 'robot.yaml');
    const { space, joints } = embodimentOf(calibration);
    const { lower, upper } = aloha.workspace!;
    assert.deepEqual(space?.workspace, { lower, upper });
    assert.equal(space.leastDistance, 0.08);
    assert.deepEqual(space.arms[1], {
      name: 'right',
      joints: [7, 8, 9, 10, 11, 12],
      base: aloha.arms[1].base,
    });
    assert.deepEqual([joints[7].acceleration, joints[8].acceleration], [100, 40]);
    assert.equal(embodimentOf(aloha).space, undefined);
    assert.deepEqual(parseCalibration(calibrationYaml(calibration), 'again.yaml'), calibration);
  });

  it('know the constant sets of the gripper, or take its two angles', () => {
    assert.deepEqual(aloha.arms[0].gripper, { closed: 0.6197, open: 1.6214 });
    assert.deepEqual(aloha.arms[0].leader?.gripper, { closed: -0.0552, open: 0.8298 });
    const own = changed(({ arms }) => (arms[1].gripper = { closed: 0.5, open: 1.5 }));
    assert.deepEqual(parseCalibration(own, 'robot.yaml').arms[1].gripper, {
      closed: 0.5,
      open: 1.5,
    });
  });
});

describe('a calibration file', () => {
  it('is refused with file, field and what to do when it is wrong', () => {
    const cases: [change: (calibration: Calibration) => void, field: string, ...names: string[]][] =
      [
        [({ joints }) => (joints[1].lower = -106), 'joints[1].lower', '-106', 'radians'],
        [({ joints }) => (joints[2].lower = 2), 'joints[2].lower', '2', '1.5757'],
        [({ joints }) => (joints[3].home = 4), 'joints[3].home', '4'],
        [({ joints }) => (joints[6].upper = 1.6), 'joints[6].upper', '1.6', '0'],
        [({ joints }) => (joints[0].velocity = 180), 'joints[0].velocity', 'rad/s'],
        [({ joints }) => (joints[4].name = 'left_waist'), 'joints[4].name', 'left_waist'],
        [({ cameras }) => (cameras[1].width = 0.5), 'cameras[1].width'],
        [(calibration) => Object.assign(calibration, { color: 'red' }), 'color'],
        [({ joints }) => Object.assign(joints[0], { effort: 10 }), 'joints[0].effort'],
        [({ joints }) => (joints[1].rest = -3), 'joints[1].rest', '-3'],
        [({ joints }) => (joints[8].arm = 'middle'), 'joints[8].arm', 'middle', 'left', 'right'],
        [({ joints }) => (joints[9].joint = 'waist'), 'joints[9].joint', 'waist', 'right'],
        [({ joints }) => Object.assign(joints[2], { sign: 0 }), 'joints[2].sign', '1', '-1'],
        [({ joints }) => (joints[6].sign = -1), 'joints[6].sign', 'closed', 'open'],
        [({ joints }) => (joints[13].offset = 0.3), 'joints[13].offset'],
        [({ cameras }) => (cameras[0].exposure = [0.1, 0.9]), 'cameras[0].exposure', '0', '255'],
        [({ cameras }) => (cameras[0].topic = 'image_raw'), 'cameras[0].topic'],
        [
          ({ cameras }) => Object.assign(cameras[0], { rotate: 45 }),
          'cameras[0].rotate',
          '0',
          '90',
        ],
        [({ arms }) => (arms[0].gripper = { closed: 1, open: 1 }), 'arms[0].gripper'],
        [({ joints }) => (joints[0].acceleration = 0), 'joints[0].acceleration'],
        [({ joints }) => (joints[0].acceleration = 5000), 'joints[0].acceleration', 'rad/s²'],
        [(calibration) => (calibration.leastDistance = 80), 'leastDistance', 'metres'],
        [
          (calibration) => {
            calibration.workspace!.enforced = true;
            calibration.joints.splice(2, 2);
          },
          'arms[0]',
          'left',
          'elbow',
          'forearm_roll',
          'ViperX 300',
        ],
        [({ arms }) => (arms[0].namespace = '/a/b'), 'arms[0].namespace', 'ROS'],
        [(calibration) => (calibration.controlRate = 0.02), 'controlRate', 'Hz'],
        [({ joints }) => (joints[0].offset = 90), 'joints[0].offset', '90', 'radians'],
        [({ joints }) => (joints[0].offset = NaN), 'joints[0].offset'],
        [({ joints }) => (joints[0].upper = Infinity), 'joints[0].upper'],
        [({ arms }) => (arms[0].base[0] = 46.9), 'arms[0].base[0]', 'metres'],
        [({ arms }) => (arms[1].base[3] = 180), 'arms[1].base[3]', '180', 'radians'],
        [({ workspace }) => (workspace!.lower[2] = 0.7), 'workspace.lower[2]', '0.7'],
        [({ cameras }) => (cameras[0].exposure = [200, 20]), 'cameras[0].exposure'],
        [
          (calibration) =>
            (calibration.measured = { date: '2026-01-31', cameras: { cam_high: { latency: 45 } } }),
          'measured.cameras.cam_high.latency',
          '45',
          'seconds',
        ],
      ];
    for (const [change, ...about] of cases) refused(changed(change), ...about);
  });

  it('is refused where a gripper has no angles of a joint, in whatever unit they are', () => {
    const units: [
      gripper: NonNullable<Calibration['arms'][number]['gripper']>,
      fields: string | string[],
      ...names: string[],
    ][] = [
      [{ closed: -35.6, open: 85.4 }, ['gripper.closed', 'gripper.open'], 'radians'],
      [{ closed: 0, open: 100 }, 'gripper.open', '100', 'percent'],
      [{ closed: 1024, open: 3072 }, ['gripper.closed', 'gripper.open'], '1024', 'ticks'],
      [{ closed: 0.01844, open: 0.058 }, 'gripper', 'metres'],
      [{ closed: 0, open: 0.14 }, 'gripper', 'metres'],
      [{ closed: 1, open: 1.0000001 }, 'gripper'],
      [{ closed: -4, open: 4 }, 'gripper', '8.000'],
      [{ closed: NaN, open: 1 }, 'gripper'],
    ];
    for (const [gripper, fields, ...names] of units)
      refused(
        changed(({ arms }) => (arms[1].gripper = gripper)),
        [fields].flat().map((field) => `arms[1].${field}`),
        ...names,
      );
    const turned = changed(({ arms }) => (arms[1].gripper = { closed: 1.5, open: -0.3 }));
    assert.equal(parseCalibration(turned, 'robot.yaml').arms[1].gripper!.closed, 1.5);
  });

  it('is refused where two parts of a robot would be one', () => {
    const cases: [change: (calibration: Calibration) => void, field: string, ...names: string[]][] =
      [
        [({ arms }) => (arms[1].namespace = 'follower_left'), 'arms[1].namespace', 'follower_left'],
        [
          ({ cameras }) => (cameras[3].topic = cameras[2].topic),
          'cameras[3].topic',
          'cam_left_wrist',
        ],
        [
          ({ cameras }) => Object.assign(cameras[3], { topic: cameras[2].topic, transport: 'compressed' }), // prettier-ignore
          'cameras[3].topic',
        ],
        [
          (calibration) => {
            calibration.leastDistance = 0.08;
            calibration.arms[1].base = [0.5, 0.25, 0, 3.14];
          },
          'arms[1].base',
          'left',
          'right',
        ],
        [
          ({ arms }) => arms.push({ ...arms[0], name: 'third', namespace: 'third' }),
          'arms[2]',
          'third',
        ],
        [
          ({ arms }) => (arms[1].leader!.namespace = 'follower_right'),
          'arms[1].leader',
          '/follower_right/joint_states',
          'right',
        ],
        [({ arms }) => (arms[1].leader!.namespace = 'leader_left'), 'arms[1].leader', 'left'],
        [({ arms }) => delete arms[1].leader!.gripper, 'arms[1].leader.gripper'],
      ];
    for (const [change, ...about] of cases) refused(changed(change), ...about);
  });

  it('may name one topic twice where cameras keep different parts of its images', () => {
    const stereo = (x: number) =>
      changed(({ cameras }) => {
        const [left, right] = cameras.slice(2);
        right.topic = left.topic;
        left.crop = { x: 0, y: 0, width: 320, height: 480 };
        right.crop = { x, y: 0, width: 320, height: 480 };
      });
    assert.equal(parseCalibration(stereo(320), 'robot.yaml').cameras[3].crop!.x, 320);
    refused(stereo(300), 'cameras[3].topic');
  });

  it('has crops that lie inside the image as it arrives', () => {
    const cropped = (x: number, width: number, rotate: 0 | 90 = 0) =>
      changed(({ cameras }) =>
        Object.assign(cameras[0], { crop: { x, y: 0, width, height: 480 }, rotate }),
      );
    assert.equal(parseCalibration(cropped(160, 480, 90), 'robot.yaml').cameras[0].crop!.x, 160);
    refused(cropped(161, 480), 'cameras[0].crop', '641', '480', '640×480');
  });

  it('names topics as ROS does', () => {
    for (const topic of ['/cam_high/', '//cam_high', '/cam high', '/1/image', '/'])
      refused(
        changed(({ cameras }) => (cameras[0].topic = topic)),
        'cameras[0].topic',
        'ROS',
      );
    refused(
      changed(({ cameras }) => (cameras[0].topic += '/compressed')),
      'cameras[0].topic',
      '/compressed',
    );
  });

  it('takes images of no topic that has other data', () => {
    const wrong: [topic: string, ...names: string[]][] = [
      ['/cam_high/depth/image_rect_raw', 'depth'],
      ['/cam_high/camera/aligned_depth_to_color/image_raw', 'depth'],
      ['/cam_high/color/image_raw/compressedDepth', 'depth'],
      ['/kinect/hd/image_depth_rect', 'depth'],
      ['/cam_high/image_raw/theora', 'transport', 'raw', 'compressed'],
      ['/cam_high/color/camera_info'],
      ['/follower_left/joint_states', 'left'],
      ['/follower_right/commands/joint_group', 'right'],
    ];
    for (const [topic, ...names] of wrong)
      refused(
        changed(({ cameras }) => (cameras[0].topic = topic)),
        'cameras[0].topic',
        ...names,
      );
    for (const topic of ['/depth_cam/rgb/image_raw', '/follower_left/camera/image_raw'])
      parseCalibration(
        changed(({ cameras }) => (cameras[0].topic = topic)),
        'robot.yaml',
      );
  });

  it("has limits that an Interbotix arm's joints reach, whatever the robot is called", () => {
    const limits = (index: number, lower: number, upper: number, more = {}) =>
      changed((calibration) => {
        calibration.name = 'mine';
        Object.assign(calibration.joints[index], { lower, upper, ...more });
      });
    refused(limits(1, -6, 6), ['joints[1].lower', 'joints[1].upper'], '-6', '±3', '6', 'URDF');
    refused(limits(2, -2.9, 2.9), 'joints[2].lower', '-2.9', '2.9', '4.5'); // prettier-ignore
    refused(limits(7, -3.4, 3.4), 'joints[7].lower', '6.3');
    refused(limits(0, -3, 3, { offset: 2 }), 'joints[0].lower', '-3', '2', '±3.5'); // prettier-ignore
    for (const yaml of [
      limits(0, -Math.PI, Math.PI),
      limits(2, -2.15, 1.61),
      limits(2, -0.16, 3.15, { offset: Math.PI / 2 }),
    ])
      parseCalibration(yaml, 'robot.yaml');
    // Joints of other arms go round twice.
    const other = changed((calibration) => {
      calibration.name = 'cobot';
      calibration.joints.forEach((joint, i) => {
        joint.name = joint.joint = `joint_${i}`;
        if (joint.kind === 'arm') Object.assign(joint, { lower: -6.28, upper: 6.28 });
      });
    });
    assert.equal(parseCalibration(other, 'robot.yaml').joints[1].upper, 6.28);
  });

  it('has an enforced workspace that holds the grippers at home and at rest', () => {
    const high = (enforced: boolean) =>
      changed(({ workspace }) => Object.assign(workspace!, { lower: [0.3, -0.7, 0.28], enforced }));
    refused(high(true), 'workspace', 'rest', 'left', '0.468', '0.250', '0.259');
    // Bases are not measured before it is enforced.
    parseCalibration(high(false), 'robot.yaml');
  });

  it('is refused where its joints are not in the order of the vectors, or of the wrong side', () => {
    const alphabetical = ({ joints }: Calibration) =>
      joints.sort((a, b) => (a.name < b.name ? -1 : 1));
    const cases: [change: (calibration: Calibration) => void, field: string, ...names: string[]][] =
      [
        [alphabetical, 'joints', 'left_elbow', 'left_waist', '11'],
        [({ joints }) => joints.push(...joints.splice(0, 7)), 'joints', 'right_waist', 'left_waist'], // prettier-ignore
        [({ joints }) => joints.splice(13), 'joints', 'right_gripper'],
        [
          ({ joints }) => joints.push({ ...joints[13], name: 'lift', joint: 'lift' }),
          'joints',
          'lift',
        ],
        [
          ({ joints }) => joints.forEach((joint) => (joint.arm = joint.arm === 'left' ? 'right' : 'left')), // prettier-ignore
          'joints[0].arm',
          'left_waist',
          'right',
        ],
        [
          ({ arms, joints }) => {
            arms.forEach((arm, i) => (arm.name = `arm_${i}`));
            joints.forEach((joint, i) => (joint.arm = `arm_${Number(i > 7)}`));
          },
          'joints[8].arm',
          'right_shoulder',
          'arm_1',
          'right_waist',
          'arm_0',
        ],
        [({ joints }) => (joints[6].kind = 'arm'), 'joints[6].kind', 'left_gripper'],
      ];
    for (const [change, ...about] of cases) refused(changed(change), ...about);
  });

  it("has Interbotix' joints in their order, whatever the robot is called", () => {
    const called = (name: string, change: (calibration: Calibration) => void) =>
      changed((calibration) => {
        calibration.name = name;
        change(calibration);
      });
    const rightFirst = ({ joints }: Calibration) => joints.push(...joints.splice(0, 7));
    const oneArm = (calibration: Calibration) => {
      calibration.arms.pop();
      calibration.joints.splice(7);
    };
    for (const name of ['ALOHA', 'aloha2'])
      refused(called(name, rightFirst), 'joints', 'right_waist', 'left_waist'); // prettier-ignore
    const swapped = called('viperx', (calibration) => {
      oneArm(calibration);
      calibration.joints.unshift(...calibration.joints.splice(1, 1));
    });
    refused(swapped, 'joints', 'left_shoulder', 'waist');
    parseCalibration(called('viperx', oneArm), 'robot.yaml');
    parseCalibration(
      called('aloha2', () => undefined),
      'robot.yaml',
    );
  });

  it('may call arms, drivers and their joints as they are called', () => {
    const accepted: ((calibration: Calibration) => void)[] = [
      // Measured: the driver of each arm, and two joints of one, are the other's.
      ({ arms }) => {
        arms[0].namespace = 'follower_right';
        arms[1].namespace = 'follower_left';
      },
      ({ joints }) => {
        joints[4].joint = 'wrist_rotate';
        joints[5].joint = 'wrist_angle';
      },
      // Drivers with names of their own.
      ({ joints }) =>
        joints.forEach((joint, i) => (joint.joint = `${i < 7 ? 'fl' : 'fr'}_joint${(i % 7) + 1}`)),
      ({ joints }) => joints.forEach((joint) => (joint.name = `follower_${joint.name}`)),
      ({ arms, joints }) => {
        arms.forEach((arm, i) => (arm.name = 'ab'[i]));
        joints.forEach((joint, i) => (joint.arm = 'ab'[Number(i > 6)]));
      },
      // Another robot, with an order of its own.
      (calibration) => {
        calibration.name = 'cobot';
        calibration.joints.reverse();
        calibration.joints.splice(3, 2);
      },
    ];
    for (const change of accepted) parseCalibration(changed(change), 'robot.yaml');
  });

  it('is refused when it is no YAML or not there', async () => {
    refused('joints: [}', []);
    refused('', []);
    await assertRejectsAbout(loadCalibration('nowhere.yaml'), {
      kind: 'missing',
      subject: 'nowhere.yaml',
    });
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Calibration } from '../../src/robot/calibration.ts';
import { calibrationYaml } from '../../src/robot/calibrationFile.ts';
import { correct } from '../../src/calibrate/correction.ts';
import { type Findings, noFindings } from '../../src/calibrate/findings.ts';
import { packagePath } from '../../src/files/packagePath.ts';
import { GRIPPER_SETS } from '../../src/robot/gripperSets.ts';
import { loadCalibration, parseCalibration } from '../../src/robot/calibrationFile.ts';
import { assertSaid } from '../refusals.ts';

const DATE = '2026-01-31';
const NAMES = ['aloha-1.0', 'aloha-2.0', 'aloha-mobile', 'aloha-sim'];
const load = (name: string) => loadCalibration(packagePath(`calibration/${name}.yaml`));
const given = await load('aloha-2.0');

const findings = (change: (findings: Findings) => void): Findings => {
  const found = noFindings();
  change(found);
  return found;
};

const moved = (joint: string, sign: 1 | -1 = 1, range: [number, number] = [-0.5, 0.5]) => ({
  moved: joint,
  sign,
  range,
});

const seen = (name: string) => ({
  name,
  width: 640,
  height: 480,
  sharpness: 812.34,
  brightness: 99.96,
  rate: 29.97,
});

const jointOf = ({ joints }: Calibration, name: string) =>
  joints.find((joint) => joint.name === name)!;
const cameraOf = ({ cameras }: Calibration, name: string) =>
  cameras.find((camera) => camera.name === name)!;

describe('a corrected calibration', () => {
  it('is the given one where all is as it says, with what was measured', () => {
    const found = findings(({ joints, cameras, latencies }) => {
      joints.set('left_waist', moved('left_waist'));
      cameras.set('cam_high', seen('cam_high'));
      latencies.set('cam_high', { latency: 0.04567, correlation: 0.876 });
    });
    const { calibration, changes, remarks } = correct(given, found, DATE);
    assert.deepEqual([changes, remarks], [[], []]);
    const { measured, ...rest } = calibration;
    assert.deepEqual(rest, given);
    assert.deepEqual(measured, {
      date: DATE,
      joints: { left_waist: { date: DATE, sign: 1, range: [-0.5, 0.5] } },
      grippers: {},
      cameras: {
        cam_high: {
          date: DATE,
          sharpness: 812.3,
          brightness: 100,
          rate: 30,
          latency: 0.0457,
          correlation: 0.88,
        },
      },
    });
  });

  it('keeps what was measured before and not again', () => {
    const first = correct(
      given,
      findings(({ joints }) => joints.set('left_waist', moved('left_waist'))),
      '2025-12-01',
    ).calibration;
    const second = correct(
      first,
      findings(({ joints }) => joints.set('left_elbow', moved('left_elbow'))),
      DATE,
    ).calibration;
    assert.deepEqual(second.measured?.joints, {
      left_waist: { date: '2025-12-01', sign: 1, range: [-0.5, 0.5] },
      left_elbow: { date: DATE, sign: 1, range: [-0.5, 0.5] },
    });
  });

  it('flips a sign about the angle at which the joint stands at zero', () => {
    const offset = {
      ...given,
      joints: given.joints.map((joint) =>
        joint.name === 'left_elbow' ? { ...joint, offset: 0.3 } : joint,
      ),
    };
    const { calibration, changes } = correct(
      offset,
      findings(({ joints }) => joints.set('left_elbow', moved('left_elbow', -1, [-1, 0.7]))),
      DATE,
    );
    const elbow = jointOf(calibration, 'left_elbow');
    assert.deepEqual([elbow.sign, elbow.offset], [-1, -0.3]);
    assert.deepEqual(changes, ['left_elbow: sign 1 → -1']);
    const figures = calibration.measured?.joints as Record<string, { range: number[] }>;
    assert.deepEqual(figures.left_elbow.range, [-1, 0.7]);
  });

  it('says that a joint was outside its limits, and leaves them', () => {
    const { calibration, remarks } = correct(
      given,
      findings(({ joints }) => joints.set('left_elbow', moved('left_elbow', 1, [-1, 1.7]))),
      DATE,
    );
    assertSaid(remarks[0], 'left_elbow', '-1', '1.7');
    assert.equal(jointOf(calibration, 'left_elbow').upper, jointOf(given, 'left_elbow').upper);
  });

  it('exchanges the drivers of arms that are swapped, their grippers with them', () => {
    const { calibration, changes } = correct(
      given,
      findings(({ joints, grippers }) => {
        joints.set('left_waist', moved('right_waist'));
        joints.set('left_elbow', moved('right_elbow'));
        grippers.set('right_gripper', { moved: 'left_gripper', angles: GRIPPER_SETS.original });
      }),
      DATE,
    );
    const [left, right] = calibration.arms;
    assert.deepEqual([left.namespace, right.namespace], ['follower_right', 'follower_left']);
    assert.deepEqual(right.gripper, GRIPPER_SETS.original);
    assert.deepEqual(calibration.joints, given.joints);
    assert.equal(changes.length, 3);
  });

  it('leaves arms of which only some joints moved on the other one', () => {
    const { changes, remarks } = correct(
      given,
      findings(({ joints }) => {
        joints.set('left_waist', moved('right_waist'));
        joints.set('left_elbow', moved('left_elbow'));
      }),
      DATE,
    );
    assert.deepEqual(changes, []);
    assertSaid(remarks[0], 'left', 'right');
  });

  it('exchanges two joints of an arm, but gives no driver’s joint to two', () => {
    const both = findings(({ joints }) => {
      joints.set('left_forearm_roll', moved('left_wrist_rotate'));
      joints.set('left_wrist_rotate', moved('left_forearm_roll'));
    });
    const { calibration } = correct(given, both, DATE);
    assert.equal(jointOf(calibration, 'left_forearm_roll').joint, 'wrist_rotate');
    assert.equal(jointOf(calibration, 'left_wrist_rotate').joint, 'forearm_roll');
    both.joints.delete('left_wrist_rotate');
    const half = correct(given, both, DATE);
    assert.deepEqual(half.calibration.joints, given.joints);
    assertSaid(half.remarks[0], 'joint');
  });

  it('names a gripper’s set, or writes down its own angles', () => {
    const { calibration, changes } = correct(
      given,
      findings(({ grippers }) => {
        grippers.set('left_gripper', {
          moved: 'left_gripper',
          angles: { closed: -0.5, open: 1.45 },
        });
        grippers.set('right_gripper', {
          moved: 'right_gripper',
          angles: { closed: 0.100004, open: 2 },
        });
      }),
      DATE,
    );
    assert.deepEqual(changes, [
      'left: gripper interbotix → original',
      'right: gripper interbotix → { closed: 0.1, open: 2 }',
    ]);
    assert.deepEqual(calibration.arms[0].gripper, GRIPPER_SETS.original);
  });

  it('gives each camera the images that are its, and their size', () => {
    const { calibration, remarks } = correct(
      given,
      findings(({ cameras, latencies }) => {
        cameras.set('cam_high', { ...seen('cam_low'), width: 424, height: 240 });
        cameras.set('cam_low', { ...seen('cam_high'), brightness: 3 });
        latencies.set('cam_low', { latency: 0.1, correlation: 0.9 });
      }),
      DATE,
    );
    const [high, low] = ['cam_high', 'cam_low'].map((name) => cameraOf(calibration, name));
    assert.equal(high.topic, cameraOf(given, 'cam_low').topic);
    assert.deepEqual([low.width, low.height], [424, 240]);
    assertSaid(remarks[0], 'cam_high', 'brightness 3');
    const figures = calibration.measured?.cameras as Record<string, { latency?: number }>;
    assert.equal(figures.cam_high.latency, 0.1);
  });

  it('gives no topic to two cameras', () => {
    const { calibration, remarks } = correct(
      given,
      findings(({ cameras }) => cameras.set('cam_high', seen('cam_low'))),
      DATE,
    );
    assert.deepEqual(calibration.cameras, given.cameras);
    assertSaid(remarks[0], 'topic');
  });
});

describe('a camera whose images became smaller', () => {
  const cropped = (x: number): Calibration => ({
    ...given,
    cameras: given.cameras.map((camera) => ({
      ...camera,
      crop: { x, y: 0, width: 320, height: 240 },
    })),
  });
  const found = findings(({ cameras }) =>
    cameras.set('cam_high', { ...seen('cam_high'), width: 424, height: 240 }),
  );

  it('keeps a crop that they have room for, and loses any other', () => {
    const [kept, lost] = [0, 320].map((x) => correct(cropped(x), found, DATE));
    assert.equal(cameraOf(kept.calibration, 'cam_high').crop!.width, 320);
    assertSaid(kept.remarks[0], 'crop');
    assert.equal(cameraOf(lost.calibration, 'cam_high').crop, undefined);
    assertSaid(lost.remarks[0], 'crop was left out');
    parseCalibration(calibrationYaml(lost.calibration), 'smaller');
  });
});

describe('the file of a calibration', () => {
  for (const name of NAMES)
    it(`reads as it was, with a line for each joint and camera: ${name}`, async () => {
      const calibration = await load(name);
      const text = calibrationYaml(calibration);
      assert.deepEqual(parseCalibration(text, name), calibration);
      const entries = text.split('\n').filter((line) => line.startsWith('  - {'));
      const { arms, joints, cameras } = calibration;
      assert.equal(entries.length, arms.length + joints.length + cameras.length);
    });

  it('keeps signs, offsets, crops, turns and what was measured', () => {
    const [camera, ...cameras] = given.cameras;
    const full: Calibration = {
      ...given,
      // A gripper has angles of its own.
      joints: given.joints.map((joint) => joint.kind === 'gripper' ? joint : { ...joint, sign: -1, offset: 0.125 }), // prettier-ignore
      cameras: [
        {
          ...camera,
          transport: 'compressed',
          rotate: 90,
          exposure: [5, 250],
          crop: { x: 1, y: 2, width: 30, height: 40 },
        },
        ...cameras,
      ],
    };
    const found = findings(({ joints }) => joints.set('left_waist', moved('left_waist', -1)));
    const { calibration } = correct(full, found, DATE);
    assert.deepEqual(parseCalibration(calibrationYaml(calibration), 'full'), calibration);
  });
});

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import { packagePath } from '../../src/files/packagePath.ts';
import type { Calibration } from '../../src/robot/calibration.ts';
import { calibrationYaml, loadCalibration, parseCalibration } from '../../src/robot/calibrationFile.ts'; // prettier-ignore
import { fromDriver, toDriver } from '../../src/robot/driverAngles.ts';
import { refused } from './refusedCalibration.ts';
import { commandTopic, statesTopic } from '../../src/robot/driverTopics.ts';

const shipped = (name: string) => packagePath(`calibration/${name}.yaml`);
const texts = new Map(
  await Promise.all(
    ['so101', 'franka'].map(async (name) => [name, await readFile(shipped(name), 'utf8')] as const),
  ),
);

/** A shipped calibration as its file has it, changed. */
const changed = (name: string, change: (calibration: Calibration) => void): string => {
  const given = parse(texts.get(name)!) as Calibration;
  change(given);
  return stringify(given);
};

describe('the calibration of one arm', () => {
  it('needs no namespace: its topics are named, or those of the root', async () => {
    const { arms } = await loadCalibration(shipped('so101'));
    const [arm] = arms;
    assert.equal(arm.namespace, '');
    assert.equal(statesTopic(arm), '/joint_states');
    assert.equal(statesTopic({ namespace: 'left' }), '/left/joint_states');
    assert.equal(commandTopic(arm, arm.command!), '/arm_controller/joint_trajectory');
    const kinds = (['interbotix', 'trajectory', 'position'] as const).map((kind) =>
      commandTopic({ namespace: 'a' }, { kind }),
    );
    assert.deepEqual(kinds, [
      '/a/commands/joint_group',
      '/a/joint_trajectory_controller/joint_trajectory',
      '/a/forward_position_controller/commands',
    ]);
  });

  it('needs neither workspace, base, rest, tasks nor gripper', () => {
    const text = changed('so101', (calibration) => {
      delete calibration.workspace;
      delete calibration.tasks;
      delete calibration.arms[0].gripper;
      delete (calibration.arms[0] as Partial<Calibration['arms'][number]>).base;
      calibration.joints.pop();
    });
    const { arms, joints, workspace } = parseCalibration(text, 'robot.yaml');
    assert.deepEqual(arms[0].base, [0, 0, 0, 0]);
    assert.equal(joints.length, 5);
    assert.equal(workspace, undefined);
  });

  it('is written as it is read, a line for each joint of its chain', async () => {
    for (const name of texts.keys()) {
      const calibration = await loadCalibration(shipped(name));
      const text = calibrationYaml(calibration);
      assert.deepEqual(parseCalibration(text, 'again.yaml'), calibration);
      assert.match(text, /^ +- \{ joint: \w+, offset: \[.*\], axis: \[ 0, 0, 1 \] \}$/m);
    }
  });

  it('has a gripper that slides, whose openings are metres of its driver', async () => {
    const { arms, joints } = await loadCalibration(shipped('franka'));
    const gripper = joints.at(-1)!;
    assert.deepEqual(arms[0].gripper!.mirror, { joint: 'fr3_finger_joint2', sign: 1 });
    assert.equal(toDriver(arms[0], gripper, 0.5), 0.02);
    assert.equal(fromDriver(arms[0], gripper, 0.04), 1);
  });

  it('may have joints that slide, whose limits are metres', () => {
    const lifted = (change: Partial<Calibration['joints'][number]>) =>
      changed('so101', ({ arms, joints }) => {
        Object.assign(joints[0], { kind: 'prismatic', lower: 0, upper: 0.4, home: 0, acceleration: 2 }); // prettier-ignore
        Object.assign(joints[0], change);
        arms[0].chain!.joints[0].axis = [0, 0, 1];
      });
    assert.equal(parseCalibration(lifted({}), 'robot.yaml').joints[0].kind, 'prismatic');
    refused(lifted({ upper: 400 }), 'joints[0].upper', '400', 'metres');
    refused(lifted({ acceleration: undefined }), 'joints[0].acceleration', 'm/s²'); // prettier-ignore
    refused(lifted({ deviation: 0.0001 }), 'joints[0].deviation', 'm');
  });

  it('is refused with the field of what is wrong', () => {
    const cases: [change: (calibration: Calibration) => void, field: string, ...names: string[]][] =
      [
        [({ arms }) => (arms[0].chain!.joints[2].joint = 'shoulder_pan'), 'arms[0].chain.joints[2].joint', 'shoulder_pan', '0'], // prettier-ignore
        [({ arms }) => (arms[0].chain!.joints[1].axis = [0, 0, 0]), 'arms[0].chain.joints[1].axis'], // prettier-ignore
        [({ arms }) => (arms[0].chain!.joints[4].joint = 'wrist_yaw'), 'arms[0].chain.joints[4]', 'wrist_yaw', 'shoulder_pan'], // prettier-ignore
        [({ arms }) => arms[0].chain!.joints.splice(3, 1), 'arms[0].chain', 'wrist_flex', 'arm'], // prettier-ignore
        [({ arms }) => (arms[0].chain!.joints[0].offset = [0, 0, 62.4]), 'arms[0].chain.joints[0].offset[2]', '62.4', 'metres'], // prettier-ignore
        [({ arms }) => Object.assign(arms[0].chain!, { tip: undefined }), 'arms[0].chain.tip'],
        [({ arms }) => (arms[0].chain!.tip = arms[0].chain!.hand!), 'arms[0].chain.tip'], // prettier-ignore
        [({ arms }) => delete arms[0].gripper, 'arms[0].gripper', 'gripper', 'arm'], // prettier-ignore
        [({ arms }) => (arms[0].gripper = { kind: 'prismatic', closed: 0, open: 40 }), 'arms[0].gripper.open', '40', 'metres'], // prettier-ignore
        [({ arms }) => (arms[0].gripper = { kind: 'prismatic', closed: 0.01, open: 0.01 }), 'arms[0].gripper'], // prettier-ignore
        [({ joints }) => Object.assign(joints[4], { kind: 'gripper', lower: 0, upper: 1 }), 'joints[5].kind', 'wrist_roll', 'mirror'], // prettier-ignore
        [({ arms }) => Object.assign(arms[0], { command: { kind: 'torque' } }), 'arms[0].command.kind', 'interbotix', 'trajectory', 'position'], // prettier-ignore
        [({ arms }) => (arms[0].command = { kind: 'position', topic: 'commands' }), 'arms[0].command.topic', 'ROS'], // prettier-ignore
        [({ arms }) => (arms[0].states = 'joint_states'), 'arms[0].states', 'ROS'],
        [(calibration) => (calibration.tasks = { 'pick-cube': '' }), 'tasks.pick-cube'],
        [(calibration) => { calibration.workspace!.enforced = true; delete calibration.arms[0].chain; }, 'arms[0]', 'arm', 'waist', 'ViperX 300', 'chain'], // prettier-ignore
      ];
    for (const [change, ...about] of cases) refused(changed('so101', change), ...about);
  });

  it('may be of two arms that share a topic of joint states, but no joint in it and no commands', () => {
    const pair = (
      change: (second: Calibration['arms'][number], joints: Calibration['joints']) => void,
    ) =>
      changed('so101', ({ arms, joints }) => {
        const second = structuredClone(arms[0]);
        const own = structuredClone(joints);
        Object.assign(second, { name: 'other', command: { kind: 'trajectory', topic: '/other/joint_trajectory' } }); // prettier-ignore
        second.chain!.joints.forEach((part) => (part.joint = `other_${part.joint}`));
        own.forEach((one) => Object.assign(one, { arm: 'other', name: `other_${one.name}`, joint: `other_${one.joint}` })); // prettier-ignore
        change(second, own);
        arms.push(second);
        joints.push(...own);
      });
    assert.equal(
      parseCalibration(
        pair(() => undefined),
        'robot.yaml',
      ).arms.length,
      2,
    );
    refused(pair((second) => (second.command = { kind: 'interbotix', topic: '/arm/commands' })), 'arms[1].command.topic', 'Interbotix'); // prettier-ignore
    refused(pair((second) => (second.command!.topic = '/arm_controller/joint_trajectory')), 'arms[1].command', 'arm'); // prettier-ignore
    refused(pair((_, joints) => (joints[5].joint = 'gripper')), 'joints[11].joint', '/joint_states', 'joints[5]'); // prettier-ignore
  });
});

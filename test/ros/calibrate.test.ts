import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as setTimer } from 'node:timers';
import { setTimeout } from 'node:timers/promises';
import { calibrationYaml } from '../../src/robot/calibrationFile.ts';
import { commandTopicsOf } from '../../src/ros/commands.ts';
import type { Ros, RosNode } from '../../src/ros/rclnodejs.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import { assertFails, spawnNalu } from '../cli/nalu.ts';
import { withFolder } from '../onnx/run.ts';
import { assertSaidIn } from '../refusals.ts';
import { startDriver } from './driver.ts';
import { initRos, skip } from './ros.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';

const calibration = await loadCalibration(SIM_CALIBRATION);
const LEFT = 0;
const RIGHT = 1;
const WAIST = 0;

/** A few of the driver's periods: what was turned has been published. */
const HEARD = 200;

/** A dialogue that has come to a halt by then is ended, so that what was said can be told. */
const LONGEST_TALK = 60_000;

describe('nalu calibrate on a ROS robot', { skip }, () => {
  let ros: Ros;
  let watcher: RosNode;
  let driver: Awaited<ReturnType<typeof startDriver>>;
  before(async () => {
    ros = await initRos();
    watcher = ros.createNode('watcher');
    watcher.spin();
  });
  beforeEach(async () => {
    driver = await startDriver(ros);
  });
  afterEach(() => {
    driver.silence();
    driver.close();
  });
  after(() => ros.shutdown());

  /** Runs the command; each question that `person` has an answer to is answered, after what they do. */
  async function talk(args: string[], person: [RegExp, () => Promise<string>][]) {
    const input = new PassThrough();
    let heard = '';
    const answer = async () => {
      const [next] = person;
      if (!next?.[0].test(heard)) return;
      heard = '';
      person.shift();
      input.write(`${await next[1]()}\n`);
      if (person.length === 0) input.end();
    };
    const halted = setTimer(() => input.end(), LONGEST_TALK);
    const ended = await spawnNalu(
      args,
      (child) => {
        child.stdout!.on('data', (data: Buffer) => {
          heard += data.toString();
          void answer();
        });
      },
      { input },
    );
    clearTimeout(halted);
    return ended;
  }

  const enter = () => Promise.resolve('');
  const say = (answer: string) => () => Promise.resolve(answer);
  const turn = (arm: number, joint: number, by: number) => async () => {
    driver.turn(arm, joint, by);
    await setTimeout(HEARD);
    driver.turn(arm, joint, -2 * by);
    await setTimeout(HEARD);
    return '';
  };

  it('measures what the person moves, and has no publisher to any motor', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'mine.yaml');
      let publishers: unknown[] = [];
      const look = () => {
        publishers = commandTopicsOf(calibration, undefined).flatMap(({ topic }) =>
          watcher.getPublishersInfoByTopic(topic, false),
        );
        return enter();
      };
      const args = ['calibrate', file, '--robot', 'ros', '--from', SIM_CALIBRATION];
      const others = ['left_shoulder', 'left_elbow', 'left_forearm_roll', 'left_wrist_angle'];
      const { code, out, err } = await talk(
        [...args, '--steps', 'joints'],
        [
          [/Joints: /, look],
          [/left_waist: turn the arm to its left/, turn(RIGHT, WAIST, 0.5)],
          [/right_waist moved, not left_waist/, enter],
          [/left_waist: turn the arm to its left/, turn(LEFT, WAIST, -0.5)],
          ...[...others, 'left_wrist_rotate', 'right_waist', 'right_shoulder'].map(
            (joint): [RegExp, () => Promise<string>] => [new RegExp(`${joint}: `), say('s')],
          ),
          [/right_elbow: /, enter],
          [/No joint moved by 0.2 rad or more/, say('s')],
          [/right_forearm_roll: /, say('s')],
          [/right_wrist_angle: /, say('s')],
          [/right_wrist_rotate: /, say('s')],
          [/Write /, say('y')],
        ],
      );
      assert.equal(code, 0, out + err);
      assert.deepEqual(publishers, []);
      const { joints, measured } = await loadCalibration(file);
      assert.deepEqual(
        joints.filter(({ sign }) => sign === -1).map(({ name }) => name),
        ['left_waist'],
      );
      assert.deepEqual(Object.keys(measured?.joints as object), ['left_waist']);
    }));

  it('takes the size that images have, and goes on without a camera that shows nothing', () =>
    withFolder(async (folder) => {
      const [from, file] = ['wrong.yaml', 'mine.yaml'].map((name) => join(folder, name));
      const built = await loadCalibration(SIM_CALIBRATION);
      const [high, low, ...others] = built.cameras;
      const cameras = [{ ...high, width: 640, height: 480 }, { ...low, topic: '/none' }, ...others];
      await writeFile(from, calibrationYaml({ ...built, cameras }));
      const args = ['calibrate', file, '--robot', 'ros', '--from', from, '--steps', 'cameras'];
      const { code, out, err } = await spawnNalu(args, undefined, { input: 's\n\n\n\n\ny\n' });
      assert.equal(code, 0, out + err);
      assertSaidIn(out, 'cam_low', 'no picture', '/none');
      assertSaidIn(out, 'cam_high', '96×96', 'Hz', 'sharpness 0.0', 'mean brightness 120');
      const { cameras: written } = await loadCalibration(file);
      assert.deepEqual(written, [high, { ...low, topic: '/none' }, ...others]);
    }));

  it('asks which topic takes the place of one that nobody publishes', () =>
    withFolder(async (folder) => {
      const [from, file] = ['wrong.yaml', 'mine.yaml'].map((name) => join(folder, name));
      const [high, ...others] = calibration.cameras;
      const cameras = [{ ...high, topic: '/none' }, ...others];
      await writeFile(from, calibrationYaml({ ...calibration, cameras }));
      const args = ['calibrate', file, '--robot', 'ros', '--from', from, '--steps', 'cameras'];
      const { code, out, err } = await spawnNalu(args, undefined, { input: '1\ns\ny\n' });
      assert.equal(code, 0, out + err);
      assert.ok(out.includes(`Nobody publishes /none. Which topic has the images of cam_high? (1: ${high.topic}, s`), out); // prettier-ignore
      assert.deepEqual((await loadCalibration(file)).cameras, calibration.cameras);
    }));

  it('says which driver is silent', () =>
    withFolder(async (folder) => {
      driver.silence();
      const { code, err } = await spawnNalu(
        ['calibrate', join(folder, 'mine.yaml'), '--robot', 'ros', '--from', SIM_CALIBRATION],
        undefined,
        { input: '' },
      );
      assert.equal(code, 1);
      assertSaidIn(
        err.replace(/^nalu: /gm, ''),
        '/follower_left/joint_states',
        'publisher',
        'driver',
      );
    }));
});

describe('nalu calibrate without ROS 2', () => {
  it('says so', () =>
    withFolder(async (folder) => {
      const { AMENT_PREFIX_PATH } = process.env;
      delete process.env.AMENT_PREFIX_PATH;
      try {
        const args = ['calibrate', join(folder, 'mine.yaml'), '--robot', 'ros'];
        await assertFails([...args, '--from', SIM_CALIBRATION], {
          kind: 'missing',
          subject: 'ROS 2',
          names: ['setup file'],
        });
      } finally {
        if (AMENT_PREFIX_PATH !== undefined) process.env.AMENT_PREFIX_PATH = AMENT_PREFIX_PATH;
      }
    }));
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findTopics, isMissing, unknownCameras } from '../../src/calibrate/findTopics.ts';
import type { Calibration } from '../../src/robot/calibration.ts';
import { loadCalibration } from '../../src/robot/calibrationFile.ts';
import { statesTopic } from '../../src/robot/driverTopics.ts';
import { SIM_CALIBRATION } from '../../src/sim/embodiment.ts';
import type { Dialogue } from '../../src/terminal/dialogue.ts';
import { assertSaid } from '../refusals.ts';

const IMAGE = 'sensor_msgs/msg/Image';
const STATES = 'sensor_msgs/msg/JointState';
const built = await loadCalibration(SIM_CALIBRATION);

/** What a robot publishes just as the calibration says, without some topics, with others. */
function published({ arms, cameras }: Calibration, without: string[], others: [string, string][]) {
  const own = [
    ...arms.map((arm): [string, string] => [statesTopic(arm), STATES]),
    ...cameras.map(({ topic }): [string, string] => [topic, IMAGE]),
  ];
  return new Map([...own.filter(([name]) => !without.includes(name)), ...others]);
}

/** A person who picks these topics, and what they were asked. */
function picking(...answers: string[]) {
  const asked: string[] = [];
  const printed: string[] = [];
  const dialogue: Dialogue = {
    screen: undefined,
    print: (text) => printed.push(text),
    status: () => undefined,
    ask({ text, choices }) {
      asked.push(text);
      const answer = answers.shift();
      return Promise.resolve(choices.find(({ says }) => says === answer)!.key);
    },
    close: () => undefined,
  };
  return { dialogue, asked, printed };
}

describe('topics that a calibration does not know', () => {
  const [high, low] = built.cameras;

  it('are asked for only where something is missing', async () => {
    const all = published(built, [], [['/other/image_raw', IMAGE]]);
    const { dialogue, asked } = picking();
    assert.equal(isMissing(built, all), false);
    assert.deepEqual(await findTopics(built, all, dialogue), built);
    assert.deepEqual(asked, []);
  });

  it('take the place of missing cameras and joint states as the person says', async () => {
    const [left] = built.arms;
    const there = published(
      built,
      [high.topic, low.topic, statesTopic(left)],
      [
        ['/usb_1/image_raw', IMAGE],
        ['/usb_2/image_raw', IMAGE],
        ['/usb_2/image_raw/compressed', 'sensor_msgs/msg/CompressedImage'],
        ['/usb_3/depth/image_raw', IMAGE],
        ['/arm/joint_states', STATES],
      ],
    );
    assert.ok(isMissing(built, there));
    const { dialogue, asked } = picking('/arm/joint_states', '/usb_2/image_raw', 'none of these');
    const found = await findTopics(built, there, dialogue);
    assert.deepEqual(asked, [
      `Nobody publishes ${statesTopic(left)}. Which topic has the joint states of the arm left?`,
      `Nobody publishes ${high.topic}. Which topic has the images of cam_high?`,
      `Nobody publishes ${low.topic}. Which topic has the images of cam_low?`,
    ]);
    assert.equal(found.arms[0].states, '/arm/joint_states');
    assert.deepEqual(found.cameras[0], { ...high, topic: '/usb_2/image_raw', transport: 'raw' });
    assert.deepEqual(found.cameras.slice(1), built.cameras.slice(1));
  });

  it('are no others where the images come by another transport', async () => {
    const type = 'sensor_msgs/msg/CompressedImage';
    const there = published(built, [high.topic], [[`${high.topic}/compressed`, type]]);
    const { dialogue, asked, printed } = picking();
    const found = await findTopics(built, there, dialogue);
    assert.deepEqual(found.cameras[0], { ...high, transport: 'compressed' });
    assert.deepEqual(asked, []);
    assertSaid(printed[0], 'cam_high', 'compressed');
  });

  it('are shown by their names, colour images only', () => {
    const others: [string, string][] = [
      ['/usb_1/image_raw', IMAGE],
      ['/usb_1/depth/image_raw', IMAGE],
    ];
    assert.deepEqual(
      unknownCameras(built, published(built, [], others)).map(({ name, topic }) => [name, topic]),
      [['/usb_1/image_raw', '/usb_1/image_raw']],
    );
  });
});

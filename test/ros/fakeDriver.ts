import { setImmediate } from 'node:timers/promises';
import type { Camera } from '../../src/robot/embodiment.ts';
import type { CameraFrame, Observer, Robot } from '../../src/robot/robot.ts';
import { type Calibration, embodimentOf } from '../../src/robot/calibration.ts';
import { toDriver } from '../../src/robot/driverAngles.ts';
import { statesTopic } from '../../src/robot/driverTopics.ts';
import { CLOCK } from '../../src/ros/clock.ts';
import { channelsOf } from '../../src/topics/commandKinds.ts';
import { jointsByArm, statesTopicsOf } from '../../src/topics/joints.ts';
import { stampOf } from '../../src/episodes/rosTime.ts';
import { jointState } from '../../src/topics/messages.ts';
import type { RosNode } from '../../src/ros/rclnodejs.ts';
import { rosRobot } from '../../src/ros/rosRobot.ts';
import { fakeNode } from './fakeNode.ts';

/** The kind of commands where a calibration does not say it. */
export const OUTPUT = 'trajectory';

/** Arms of a calibrated robot behind its driver's topics: each step they go half the way to what they were commanded. */
export function createArms(node: RosNode, calibration: Calibration) {
  const at = Float64Array.from(calibration.joints, ({ home }) => home);
  const goal = at.slice();
  const passed: Float64Array[] = [];
  for (const { type, topic, decode } of channelsOf(calibration, OUTPUT))
    node.createSubscription(type, topic, {}, (message) => decode(message, goal));
  const reports = statesTopicsOf(calibration).map((topic) => ({
    publisher: node.createPublisher('sensor_msgs/msg/JointState', topic),
    joints: jointsByArm(calibration).flatMap(({ arm, joints }) =>
      statesTopic(arm) === topic ? joints.map((one) => ({ arm, ...one })) : [],
    ),
  }));
  return {
    /** [joints] where they were after each step. */
    passed,
    /** Moves them and reports them at a stamp, ns. */
    step(stamp: bigint): void {
      at.forEach((value, i) => (at[i] = value + (goal[i] - value) / 2));
      passed.push(at.slice());
      for (const { publisher, joints } of reports) {
        // Beside joints of its own, and in another order.
        const names = [...joints.map(({ joint }) => joint.joint), 'another'].reverse();
        const positions = [
          ...joints.map(({ arm, joint, index }) => toDriver(arm, joint, at[index])),
          7,
        ];
        publisher.publish(jointState(stamp, names, positions.reverse()));
      }
    },
  };
}

/** The calibration with its first camera alone, of few pixels. */
export const withSmallCamera = (calibration: Calibration): Calibration => ({
  ...calibration,
  cameras: calibration.cameras
    .slice(0, 1)
    .map((camera) => ({ ...camera, crop: undefined, width: 32, height: 24 })),
});

/** A picture of more than one colour, another one at each stamp and by each camera; made when it is asked for. */
export function frameOf({ name, width, height }: Camera, stamp: bigint): CameraFrame {
  const seed = Number((stamp / 20_000_000n) % 97n) + 31 * name.length;
  let pixels: Promise<Uint8Array> | undefined;
  const picture = () =>
    Uint8Array.from({ length: width * height * 3 }, (_, i) => 60 + ((i * 7 + seed) % 97));
  return {
    camera: name,
    stamp,
    width,
    height,
    pixels: () => (pixels ??= Promise.resolve(picture())),
  };
}

/**
 * A calibrated robot over the code of the ROS robot and a node without ROS: who waits makes the time of /clock go on.
 * Its cameras' frames come beside the topics.
 */
export function robotOverTopics(calibration: Calibration) {
  const { ros, node, ...fake } = fakeNode({ simTime: true });
  const arms = createArms(node, calibration);
  const clock = node.createPublisher(CLOCK, '/clock');
  const robot = rosRobot({ ros, node, calibration, cameras: [], output: OUTPUT, dryRun: false });
  const embodiment = embodimentOf(calibration);
  const period = BigInt(Math.round(1e9 / embodiment.controlRate));
  let observer: Observer | undefined;
  let now = 1_000_000_000n;

  const step = () => {
    now += period;
    arms.step(now);
    for (const camera of embodiment.cameras) observer?.frame(frameOf(camera, now));
    clock.publish({ clock: stampOf(now) });
  };
  step();

  const driven: Robot = {
    ...robot,
    embodiment,
    clock: {
      ...robot.clock,
      async until(stamp) {
        while (now < stamp) {
          step();
          await setImmediate();
        }
        await robot.clock.until(stamp);
      },
    },
    observe(taker) {
      observer = taker;
      robot.observe(taker);
    },
    close() {
      observer = undefined;
      return robot.close();
    },
  };
  return { ...fake, robot: driven, arms };
}

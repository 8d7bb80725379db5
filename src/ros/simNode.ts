import { setTimeout } from 'node:timers/promises';
import { type Calibration, loadCalibration } from '../robot/calibration.ts';
import { SIM_CALIBRATION } from '../sim/embodiment.ts';
import { type SimulatedAloha, simulatedAloha } from '../sim/simulatedAloha.ts';
import { GROUP_COMMAND, SINGLE_COMMAND, commandTopics } from './commands.ts';
import { edge } from './edge.ts';
import { fromDriver, jointsByArm, toDriver } from './joints.ts';
import { image, jointState, stampOf } from './messages.ts';
import type { Running } from './nodeMain.ts';
import { type ParameterSpecs, declareParameters } from './parameters.ts';
import { quality } from './qos.ts';
import type { Ros, RosNode, RosServiceResponse } from './rclnodejs.ts';

export const SIM_PARAMETERS = {
  task: {
    type: 'string',
    default: 'transfer-cube',
    choices: ['transfer-cube', 'insertion'],
    description: 'what lies on the table',
    readOnly: true,
  },
  seed: {
    type: 'integer',
    default: 0,
    range: [0, 2 ** 31],
    description: 'seed of the first scene; each reset counts up from it',
    readOnly: true,
  },
  camera_every: {
    type: 'integer',
    default: 2,
    range: [1, 50],
    description: 'control steps (20 ms) between two images of a camera',
    readOnly: true,
  },
} as const satisfies ParameterSpecs;

/** Where ALOHA's driver reports a finger, m, beside the gripper's angle. */
const FINGER = { closed: 0.01844, open: 0.058 };

/** Publishes the nine joints of each arm as its driver does. */
function jointPublishers(ros: Ros, node: RosNode, calibration: Calibration) {
  return jointsByArm(calibration).map(({ arm, joints }) => {
    const topic = `/${arm.namespace}/joint_states`;
    const type = 'sensor_msgs/msg/JointState';
    const publisher = node.createPublisher(type, topic, quality(ros, 'command'));
    const names = [...joints.map(({ joint }) => joint.joint), 'left_finger', 'right_finger'];
    return (stamp: bigint, positions: Float64Array) => {
      const angles = joints.map(({ joint, index }) => toDriver(arm, joint, positions[index]));
      const gripper = joints.find(({ joint }) => joint.kind === 'gripper');
      const opening = gripper ? positions[gripper.index] : 0;
      const finger = FINGER.closed + opening * (FINGER.open - FINGER.closed);
      publisher.publish(jointState(stamp, names, [...angles, finger, -finger]));
    };
  });
}

/** Takes commands from the topics that an arm's driver listens on into `commanded` [joints]. */
function takeCommands(ros: Ros, node: RosNode, calibration: Calibration, commanded: Float64Array) {
  const onFault = (error: unknown) => node.getLogger().error(String(error));
  const listen = (type: string, topic: string, take: (message: never) => void) =>
    node.createSubscription(type, topic, quality(ros, 'command'), edge(take, onFault));
  const hasInterbotix = (() => {
    try {
      return Boolean(ros.require(GROUP_COMMAND) && ros.require(SINGLE_COMMAND));
    } catch {
      node.getLogger().warn('no interbotix_xs_msgs here: listening for joint trajectories only');
      return false;
    }
  })();
  for (const { arm, joints } of jointsByArm(calibration)) {
    const topics = commandTopics(arm.namespace);
    const set = (kind: 'arm' | 'gripper', values: ArrayLike<number>) => {
      joints
        .filter(({ joint }) => joint.kind === kind)
        .forEach(({ joint, index }, i) => {
          commanded[index] = fromDriver(arm, joint, values[i]);
        });
    };
    if (hasInterbotix) {
      listen(GROUP_COMMAND, topics.group, ({ cmd }: { cmd: ArrayLike<number> }) => set('arm', cmd));
      listen(SINGLE_COMMAND, topics.single, ({ cmd }: { cmd: number }) => set('gripper', [cmd]));
    }
    type Trajectory = { joint_names: string[]; points: { positions: ArrayLike<number> }[] };
    listen(
      'trajectory_msgs/msg/JointTrajectory',
      topics.trajectory,
      ({ joint_names, points }: Trajectory) => {
        const last = points.at(-1);
        if (!last) return;
        for (const { joint, index } of joints) {
          const at = joint_names.indexOf(joint.joint);
          if (at >= 0) commanded[index] = fromDriver(arm, joint, last.positions[at]);
        }
      },
    );
  }
}

/** Publishes what the simulated robot senses, a step after the other, until `open` says no. */
async function publishSteps(
  ros: Ros,
  node: RosNode,
  calibration: Calibration,
  sim: SimulatedAloha,
  every: number,
  scene: { open: boolean; commanded: Float64Array; onStep: () => void },
) {
  const joints = jointPublishers(ros, node, calibration);
  const cameras = calibration.cameras.map((camera) => {
    const options = quality(ros, 'command');
    return {
      camera,
      publisher: node.createPublisher('sensor_msgs/msg/Image', camera.topic, options),
    };
  });
  const clock = node.createPublisher('rosgraph_msgs/msg/Clock', '/clock', quality(ros, 'command'));
  const period = BigInt(Math.round(1e9 / calibration.controlRate));
  for (let step = 0; scene.open; step++) {
    sim.command(scene.commanded);
    await sim.clock.until(sim.clock.now() + period);
    const stamp = sim.clock.now();
    for (const publish of joints) publish(stamp, sim.positions());
    if (step % every === 0)
      for (const { camera, publisher } of cameras)
        if (node.countSubscribers(camera.topic) > 0)
          publisher.publish(image(stamp, camera.name, camera, sim.picture(camera.name)));
    clock.publish({ clock: stampOf(stamp) });
    scene.onStep();
    await setTimeout(0);
  }
}

/**
 * The simulated ALOHA as a ROS node: it publishes and listens on the real robot's topics, with /clock.
 * The service ~/reset places the next scene; the topic ~/outcome says success when it is reached.
 */
export async function startSimNode(ros: Ros, node: RosNode): Promise<Running> {
  const parameters = declareParameters(ros, node, SIM_PARAMETERS);
  const calibration = await loadCalibration(SIM_CALIBRATION);
  const sim = await simulatedAloha({ task: parameters.task, realTime: true });
  let seed = parameters.seed;
  await sim.reset(seed);
  const commanded = sim.positions();
  takeCommands(ros, node, calibration, commanded);

  const outcome = node.createPublisher('std_msgs/msg/String', '~/outcome', quality(ros, 'command'));
  let told = false;
  const reset = async (_: never, response: RosServiceResponse) => {
    await sim.reset(seed++);
    commanded.set(sim.positions());
    told = false;
    response.send({ success: true, message: `seed ${seed - 1}` });
  };
  const onFault = (error: unknown) => node.getLogger().error(String(error));
  node.createService('std_srvs/srv/Trigger', '~/reset', {}, edge(reset, onFault));

  const scene = {
    open: true,
    commanded,
    onStep: () => {
      if (told || !sim.assess().success) return;
      told = true;
      outcome.publish({ data: 'success' });
    },
  };
  const ended = publishSteps(ros, node, calibration, sim, parameters.camera_every, scene);
  ended.catch(onFault);
  return {
    async stop() {
      scene.open = false;
      await ended.catch(() => undefined);
      await sim.close();
    },
  };
}

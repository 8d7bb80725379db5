import { controlPeriod } from '../../robot/embodiment.ts';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../errors.ts';
import { type Calibration } from '../../robot/calibration.ts';
import { SIM_CALIBRATION } from '../../sim/embodiment.ts';
import { type SimulatedAloha, simulatedAloha } from '../../sim/simulatedAloha.ts';
import { DEFAULT_TASK, SIM_TASK_NAMES } from '../../sim/taskNames.ts';
import { CLOCK, SENSOR_LEAD } from '../clock.ts';
import { possibleChannels } from '../../topics/commandKinds.ts';
import { isInterbotix } from '../commands.ts';
import { edge } from '../edge.ts';
import { hasInterbotixMessages } from '../operatingModes.ts';
import { jointPublishers } from '../jointPublishers.ts';
import { stampOf } from '../../episodes/rosTime.ts';
import { image } from '../../topics/messages.ts';
import type { Running } from '../nodeMain.ts';
import { type ParameterSpecs, declareParameters } from '../parameters.ts';
import { quality } from '../qos.ts';
import type { Ros, RosNode, RosServiceResponse } from '../rclnodejs.ts';
import { loadCalibration } from '../../robot/calibrationFile.ts';

export const SIM_PARAMETERS = {
  task: {
    type: 'string',
    default: DEFAULT_TASK,
    choices: SIM_TASK_NAMES,
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

/** Milliseconds that the simulation may fall behind before it gives up catching up. */
const PATIENCE = 100;

/** What the commands and the steps of a scene share. */
interface Scene {
  /** [joints] the newest command. */
  commanded: Float64Array;
  /** Whether it stands still, as it was placed, until the first command. */
  waiting: boolean;
  seed: number;
  /** Whether success has been reported. */
  reported: boolean;
  open: boolean;
}

/** Takes commands from the topics of every kind that an arm's driver may listen on. */
function takeCommands(ros: Ros, node: RosNode, calibration: Calibration, scene: Scene) {
  const log = node.getLogger();
  const onFault = (error: unknown) => log.error(messageOf(error));
  const known = hasInterbotixMessages();
  if (!known)
    log.info('interbotix_xs_msgs is not installed: commands are taken as trajectories alone');
  const channels = possibleChannels(calibration).filter(
    (channel) => known || !isInterbotix(channel),
  );
  for (const { type, topic, decode } of channels) {
    const take = (message: never) => {
      decode(message, scene.commanded);
      scene.waiting = false;
    };
    try {
      node.createSubscription(type, topic, quality(ros, 'command'), edge(take, onFault));
    } catch {
      log.warn(`no ${type} here: nothing is taken from ${topic}`);
    }
  }
}

/** Publishes what the simulated robot senses, a step after the other, while the scene is open. */
async function publishSteps(
  ros: Ros,
  node: RosNode,
  calibration: Calibration,
  sim: SimulatedAloha,
  every: number,
  scene: Scene,
) {
  const joints = jointPublishers(ros, node, calibration);
  const options = () => quality(ros, 'command');
  const cameras = calibration.cameras.map((camera) => ({
    camera,
    publisher: node.createPublisher('sensor_msgs/msg/Image', camera.topic, options()),
  }));
  const clock = node.createPublisher(CLOCK, '/clock', options());
  const outcome = node.createPublisher('std_msgs/msg/String', '~/outcome', options());
  const period = controlPeriod(calibration);
  // Each step is taken at the end of its time, so that it obeys a command that came during it.
  for (let step = 0, due = performance.now(); scene.open; step++) {
    due = Math.max(due + Number(period) / 1e6, performance.now() - PATIENCE);
    await setTimeout(due - performance.now());
    if (scene.waiting) await sim.reset(scene.seed);
    else {
      sim.command(scene.commanded);
      await sim.clock.until(sim.clock.now() + period);
    }
    const stamp = sim.clock.now();
    for (const publish of joints) publish(stamp, sim.positions());
    if (step % every === 0)
      for (const { camera, publisher } of cameras)
        if (node.countSubscribers(camera.topic) > 0)
          publisher.publish(image(stamp, camera.name, camera, sim.picture(camera.name)));
    await setTimeout(SENSOR_LEAD);
    clock.publish({ clock: stampOf(stamp) });
    if (!scene.reported && sim.assess().success) {
      scene.reported = true;
      outcome.publish({ data: 'success' });
    }
  }
}

/**
 * The simulated ALOHA as a ROS node: it publishes and listens on the real robot's topics, with /clock.
 * A scene stands still until it is commanded. The service ~/reset places the next one; the topic
 * ~/outcome says success when it is reached.
 */
export async function startSimNode(ros: Ros, node: RosNode): Promise<Running> {
  const parameters = declareParameters(ros, node, SIM_PARAMETERS);
  const calibration = await loadCalibration(SIM_CALIBRATION);
  const sim = await simulatedAloha({ task: parameters.task });
  const { seed } = parameters;
  await sim.reset(seed);
  const commanded = sim.positions();
  const scene: Scene = { commanded, waiting: true, seed, reported: false, open: true };
  takeCommands(ros, node, calibration, scene);

  let next = seed;
  const reset = async (_: never, response: RosServiceResponse) => {
    await sim.reset(next);
    Object.assign(scene, {
      commanded: sim.positions(),
      waiting: true,
      seed: next,
      reported: false,
    });
    response.send({ success: true, message: `seed ${next++}` });
  };
  const onFault = (error: unknown) => node.getLogger().error(messageOf(error));
  node.createService('std_srvs/srv/Trigger', '~/reset', {}, edge(reset, onFault));

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

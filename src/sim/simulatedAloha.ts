import { setImmediate, setTimeout } from 'node:timers/promises';
import { listed, UserError } from '../errors.ts';
import type { Camera } from '../robot/embodiment.ts';
import type { Clock, Observer, Robot, Task } from '../robot/robot.ts';
import { embodimentIn, simulatedEmbodiment } from './embodiment.ts';
import { type Gap, gapSchema, moveCameras } from './gap.ts';
import { loadScene } from './loadScene.ts';
import { type MjModel, type Mujoco, mujoco as loadMujoco } from './mujoco.ts';
import { type OpenScene, Physics } from './physics.ts';
import { type ImageSize, Pictures } from './pictures.ts';
import { restraints } from './restraints.ts';
import { alohaScene } from './scene.ts';
import { indexScene } from './sceneIndex.ts';
import { builtInMap, loadSceneMap, mapFor } from './sceneMap.ts';
import { type SimTaskName } from './taskNames.ts';
import { simTasks, successReward } from './tasks.ts';
import { controlsFromPositions } from './vectors.ts';

/** A scene of another project; none for the built-in one. */
export interface SceneChoice {
  /** Path of its MJCF. */
  scene?: string;
  /** YAML of how its names correspond to the simulator's; by default the shipped one that fits. */
  sceneMap?: string;
}

export interface SimulatedAlohaOptions extends SceneChoice {
  task: SimTaskName;
  /** Cameras to use; by default all of calibration/aloha-sim.yaml. */
  cameras?: readonly string[];
  /** Those of `cameras` that a scene may lack; any other missing camera is an error. */
  optionalCameras?: readonly string[];
  /** Runs in real time; otherwise as fast as possible. */
  realTime?: boolean;
  /** Shape groups that the cameras draw; by default MuJoCo's, 0 to 2. */
  drawnGroups?: readonly number[];
  /** Takes a scene whose mapping lets it be without the task's objects: nothing is judged. */
  bare?: boolean;
  /** Gap to the calibrated robot, for all attempts or by seed; by default none. */
  gap?: Gap | ((seed: number) => Gap);
}

/** An ALOHA in MuJoCo with a task on its table: both the robot and the task's judge. */
export interface SimulatedAloha extends Robot, Task {
  readonly name: SimTaskName;
  /** Whether the task's objects are in the scene; without them every attempt fails. */
  readonly hasTask: boolean;
  /** The task's staged reward of the last control step alone. */
  stage(): number;
  /** [14] joint positions now: rad, openings. */
  positions(): Float64Array;
  /** Names of all cameras of the scene, those of the embodiment first. */
  readonly sceneCameras: readonly string[];
  /** Poses [x y z qw qx qy qz] of the task's objects now, m in the scene's frame. */
  objects(): number[][];
  /** Where gym-aloha's frame lies in the scene, m. */
  readonly origin: readonly [number, number, number];
  /** All of MuJoCo's generalised positions, a copy. */
  qpos(): Float64Array;
  /** RGB8 [height, width, 3] of any camera of the scene, now or at other generalised positions. */
  picture(camera: string, size?: ImageSize, qpos?: Float64Array): Uint8Array;
}

/** Milliseconds that a real-time simulation may fall behind before it stops catching up. */
const PATIENCE = 100;

/** The mapping of the scene that the options name. */
function mapOf({ scene, sceneMap }: SimulatedAlohaOptions, mujoco: Mujoco, model: MjModel) {
  if (scene === undefined) return builtInMap();
  return sceneMap === undefined ? mapFor(mujoco, model) : loadSceneMap(sceneMap);
}

/** Opens the built-in scene or a file, and finds the robot and the task in it. Throws a `UserError` if it cannot. */
async function openScene(options: SimulatedAlohaOptions): Promise<OpenScene> {
  const task = simTasks[options.task];
  const whole = await simulatedEmbodiment(options.cameras);
  const mujoco = await loadMujoco();
  const model = options.scene
    ? await loadScene(mujoco, options.scene)
    : mujoco.MjModel.from_xml_string(alohaScene(task.objectsXml));
  const origin = options.scene ?? '(built in)';
  const gap = options.gap ?? gapSchema.parse({});
  try {
    const map = await mapOf(options, mujoco, model);
    const { controlRate } = whole;
    const home = controlsFromPositions(
      whole.joints.map((joint) => joint.home),
      map.gripper,
    );
    const index = indexScene(mujoco, model, map, options.task, { controlRate, home }, origin);
    if (!index.hasTask && !options.bare)
      throw new UserError(
        `Scene ${origin} has no objects of ${options.task}, so nothing tells success; docs/scenes.md says how to add them`,
        { kind: 'missing', subject: origin },
      );
    const embodiment = embodimentIn(index, whole, origin, options.optionalCameras);
    return { mujoco, model, task, index, embodiment, origin, home, gap };
  } catch (error) {
    model.delete();
    throw error;
  }
}

/** The simulation's clock: while a caller waits, time advances in physics steps, one per call of `advance`. */
function simulatedClock(physics: Physics, advance: () => boolean, realTime: boolean): Clock {
  let wallAnchor = 0;
  let behind = 0;
  /** Yields to the event loop; in real time, also waits for the wall clock. */
  const pause = async () => {
    if (!realTime) return setImmediate();
    const due = wallAnchor + Number(physics.now) / 1e6;
    const ahead = due - performance.now();
    await (ahead > 1 ? setTimeout(ahead) : setImmediate());
    behind = Math.max(performance.now() - due, 0);
    if (behind > PATIENCE) wallAnchor += behind;
  };
  return {
    now: () => physics.now,
    behind: () => behind,
    async until(stamp) {
      wallAnchor ||= performance.now() - Number(physics.now) / 1e6;
      while (physics.now < stamp) if (advance()) await pause();
    },
  };
}

/** Throws a `UserError` if arms at rest do not stay at their controls' positions. */
function checkRestraints({ mujoco, model, index, origin }: OpenScene, physics: Physics): void {
  const held = restraints(mujoco, model, physics.data, index);
  if (held.length > 0)
    throw new UserError(
      `Scene ${origin}: the arms cannot go where they are told; take this out of the MJCF, or let it rest at control 0:${listed(held)}`,
      { kind: 'invalid', subject: origin },
    );
  physics.place(0);
}

/** Passes a robot's joint state and a frame of each camera to its observer. */
function sense(physics: Physics, pictures: Pictures, cameras: readonly Camera[], to: Observer) {
  const stamp = physics.now;
  to.joints({ stamp, position: physics.positions() });
  const snapshot = physics.qpos();
  for (const camera of cameras) to.frame(pictures.frame(camera, stamp, snapshot));
}

/** Starts a simulated ALOHA, at rest in the start pose, as after `reset(0)`. */
export async function simulatedAloha(options: SimulatedAlohaOptions): Promise<SimulatedAloha> {
  const scene = await openScene(options);
  const { mujoco, model, task, index, embodiment } = scene;
  const physics = new Physics(scene);
  const { drawnGroups, realTime = false } = options;
  const pictures = new Pictures(mujoco, model, index.cameras, {
    ...{ drawnGroups, inTurn: realTime },
    move: (posed) => moveCameras(model, posed, physics.gap),
  });
  let observer: Observer | undefined;
  let closed = false;

  const assertOpen = () => {
    if (closed) throw new Error('The simulated ALOHA was used after close(); start another.');
  };
  const report = () => {
    if (observer) sense(physics, pictures, embodiment.cameras, observer);
  };
  const advance = () => {
    assertOpen();
    const isControlStep = physics.step();
    if (isControlStep) report();
    return isControlStep;
  };
  const close = () => {
    if (closed) return;
    closed = true;
    pictures.close();
    for (const object of [physics.data, model]) object.delete();
  };

  try {
    checkRestraints(scene, physics);
  } catch (error) {
    close();
    throw error;
  }
  return {
    name: options.task,
    hasTask: index.hasTask,
    origin: index.origin,
    prompt: task.prompt,
    maxSteps: task.maxSteps,
    embodiment,
    clock: simulatedClock(physics, advance, realTime),
    observe(taker) {
      observer = taker;
    },
    command(commanded) {
      assertOpen();
      if (commanded.length !== embodiment.joints.length)
        throw new Error(
          `ALOHA takes ${embodiment.joints.length} positions, not ${commanded.length}: six joints and a gripper of each arm.`,
        );
      physics.command(commanded);
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- a rejection, not a throw
    async reset(seed) {
      assertOpen();
      physics.place(seed);
      physics.now += physics.period;
      report();
    },
    assess: () => ({ reward: physics.best, success: physics.best >= successReward }),
    stage: () => physics.stage,
    sceneCameras: [
      ...new Set([...embodiment.cameras.map(({ name }) => name), ...index.cameras.keys()]),
    ],
    positions: () => physics.positions(),
    qpos: () => physics.qpos(),
    objects: () => physics.objects(),
    picture: (name, size, qpos = physics.qpos()) =>
      pictures.draw(qpos, name, size ?? embodiment.cameras.find((camera) => camera.name === name)!),
    close() {
      close();
      return Promise.resolve();
    },
  };
}

import { setImmediate, setTimeout } from 'node:timers/promises';
import { listed, UserError } from '../errors.ts';
import type { Camera } from '../robot/embodiment.ts';
import type { CameraFrame, Observer, Robot, Task } from '../robot/robot.ts';
import { contactsOf } from './contacts.ts';
import { embodimentIn, simulatedEmbodiment } from './embodiment.ts';
import { loadScene } from './loadScene.ts';
import { mujoco as loadMujoco } from './mujoco.ts';
import { createRaycaster } from './raycaster.ts';
import { alohaScene } from './scene.ts';
import { type Gap, gapSchema, gapSetter } from './gap.ts';
import { restraints } from './restraints.ts';
import { indexScene } from './sceneIndex.ts';
import { simTasks, successReward, type SimTaskName } from './tasks.ts';
import { controlsFromPositions, positionsFromJoints } from './vectors.ts';

export interface SimulatedAlohaOptions {
  task: SimTaskName;
  /** Cameras to see through; all of calibration/aloha-sim.yaml where absent. */
  cameras?: readonly string[];
  /** Those of them that are left out where the scene lacks them; the others are an error then. */
  optionalCameras?: readonly string[];
  /** Keeps pace with the wall clock; otherwise time runs as fast as it can. */
  realTime?: boolean;
  /** Path of an MJCF to use in place of the built-in scene, its joints and shapes named alike. */
  scene?: string;
  /** Groups of shapes that the cameras show; MuJoCo's own choice, 0 to 2, where absent. */
  drawnGroups?: readonly number[];
  /** How it differs from the robot as it was, in all attempts or in that of a seed; not at all where absent. */
  gap?: Gap | ((seed: number) => Gap);
}

export interface ImageSize {
  width: number;
  height: number;
}

/** An ALOHA in MuJoCo with a task on its table: the robot, and who says how the attempt goes. */
export interface SimulatedAloha extends Robot, Task {
  readonly name: SimTaskName;
  /** The task's staged reward of the last control step alone. */
  stage(): number;
  /** [14] joint positions now: rad, openings. */
  positions(): Float64Array;
  /** Names of all cameras of the scene, those of the embodiment first. */
  readonly sceneCameras: readonly string[];
  /** Poses [x y z qw qx qy qz] of the task's objects now, m. */
  objects(): number[][];
  /** All of MuJoCo's generalised positions, a copy. */
  qpos(): Float64Array;
  /** RGB8 [height, width, 3] of any camera of the scene now. */
  picture(camera: string, size?: ImageSize): Uint8Array;
}

/** Milliseconds that a real-time simulation may fall behind before it gives up catching up. */
const patience = 100;

/** Starts a simulated ALOHA, at rest in the start pose, as after `reset(0)`. */
export async function simulatedAloha(options: SimulatedAlohaOptions): Promise<SimulatedAloha> {
  const task = simTasks[options.task];
  const whole = await simulatedEmbodiment(options.cameras);
  const home = controlsFromPositions(whole.joints.map((joint) => joint.home));

  const mujoco = await loadMujoco();
  const model = options.scene
    ? await loadScene(mujoco, options.scene)
    : mujoco.MjModel.from_xml_string(alohaScene(task.objectsXml));
  const origin = options.scene ?? '(built in)';
  const gaps = options.gap ?? gapSchema.parse({});
  const setGap = gapSetter(model);
  const [index, embodiment] = (() => {
    try {
      const { controlRate } = whole;
      const index = indexScene(mujoco, model, task, { controlRate, home }, origin);
      return [index, embodimentIn(index, whole, origin, options.optionalCameras)];
    } catch (error) {
      model.delete();
      throw error;
    }
  })();
  const grippers = embodiment.joints.flatMap(({ kind }, joint) =>
    kind === 'gripper' ? [joint] : [],
  );
  const control = BigInt(Math.round(1e9 / embodiment.controlRate));
  const { substeps } = index;
  /** Nanoseconds of each physics step within a control step; they add up to it. */
  const stepLengths = Array.from({ length: substeps }, (_, step) => {
    const end = (of: number) => (control * BigInt(of)) / BigInt(substeps);
    return end(step + 1) - end(step);
  });
  const data = new mujoco.MjData(model);
  const drawn = new mujoco.MjData(model);
  const raycaster = createRaycaster(mujoco, model, options.drawnGroups);

  let gap: Gap;
  let observer: Observer | undefined;
  let closed = false;
  let now = 0n;
  let steps = 0;
  let stage = 0;
  let best = 0;
  let drawnSnapshot: Float64Array | undefined;
  let wallAnchor = 0;
  let behind = 0;
  /** Controls that are still under way, the next one first. */
  let delayed: Float64Array[] = [];

  function assertOpen() {
    if (closed) throw new Error('The simulated ALOHA was used after close(); start another.');
  }

  const qpos = () => Float64Array.from(data.qpos as Float64Array);

  function positions() {
    const values = data.qpos as Float64Array;
    const measured = positionsFromJoints(index.joints.map((address) => values[address]));
    for (const joint of grippers) measured[joint] += gap.gripperOffset;
    return measured;
  }

  /** Asks the 16 joints for positions. */
  function actuate(positions: ArrayLike<number>) {
    const controls = data.ctrl as Float64Array;
    index.servos.forEach((servo, joint) => {
      if (servo) controls[servo.control] = servo.scale * positions[joint] + servo.offset;
    });
  }

  /** Lets filtered controls rest where they are asked to be. */
  function settle() {
    const [controls, activations] = [data.ctrl, data.act] as [Float64Array, Float64Array];
    for (const servo of index.servos)
      if (servo && servo.activation >= 0) activations[servo.activation] = controls[servo.control];
  }

  /** Draws the scene as `snapshot` (qpos) has it; cameras of one snapshot share its kinematics. */
  function draw(snapshot: Float64Array, camera: string, size: ImageSize) {
    assertOpen();
    const id = index.cameras.get(camera);
    if (id === undefined) throw new Error(`No camera "${camera}" in this scene.`);
    if (drawnSnapshot !== snapshot) {
      (drawn.qpos as Float64Array).set(snapshot);
      mujoco.mj_kinematics(model, drawn);
      mujoco.mj_comPos(model, drawn);
      mujoco.mj_camlight(model, drawn);
      drawnSnapshot = snapshot;
    }
    return raycaster.render(drawn, id, size.width, size.height);
  }

  function frame(
    { name: camera, width, height }: Camera,
    stamp: bigint,
    snapshot: Float64Array,
  ): CameraFrame {
    let pixels: Uint8Array | undefined;
    return {
      camera,
      stamp,
      width,
      height,
      // eslint-disable-next-line @typescript-eslint/require-await -- a rejection, not a throw
      pixels: async () => (pixels ??= draw(snapshot, camera, { width, height })),
    };
  }

  function sense() {
    if (!observer) return;
    observer.joints({ stamp: now, position: positions() });
    const snapshot = qpos();
    for (const camera of embodiment.cameras) observer.frame(frame(camera, now, snapshot));
  }

  function step() {
    const { time } = data;
    mujoco.mj_step(model, data);
    // MuJoCo begins anew, at time 0, where its numbers are no longer finite or grow too large.
    if (data.time <= time)
      throw new UserError(
        `Scene ${origin} is unstable: its physics broke down after ${time.toFixed(3)} s of an attempt; choose a smaller timestep or softer actuators`,
      );
    now += stepLengths[steps % substeps];
    steps++;
    if (steps % substeps !== 0) return;
    stage = task.reward(contactsOf(data, index.shapes));
    best = Math.max(best, stage);
    sense();
  }

  /** Lets others run, and where time is real, waits for the wall clock. */
  async function pause() {
    if (!options.realTime) return setImmediate();
    const due = wallAnchor + Number(now) / 1e6;
    const ahead = due - performance.now();
    await (ahead > 1 ? setTimeout(ahead) : setImmediate());
    behind = Math.max(performance.now() - due, 0);
    if (behind > patience) wallAnchor += behind;
  }

  function place(seed: number) {
    gap = typeof gaps === 'function' ? gaps(seed) : gaps;
    setGap(gap);
    mujoco.mj_resetData(model, data);
    const values = data.qpos as Float64Array;
    home.forEach((value, joint) => {
      values[index.joints[joint]] = value;
    });
    actuate(home);
    settle();
    task.place(seed).forEach((pose, object) => {
      values.set(pose, index.objects[object]);
    });
    mujoco.mj_forward(model, data);
    steps = 0;
    stage = 0;
    best = 0;
    delayed = [];
  }

  function close() {
    if (closed) return;
    closed = true;
    raycaster.close();
    for (const object of [drawn, data, model]) object.delete();
  }

  place(0);
  const held = restraints(mujoco, model, data, index);
  if (held.length > 0) {
    close();
    throw new UserError(
      `Scene ${origin}: the arms cannot go where they are told; take this out of the MJCF, or let it rest at control 0:${listed(held)}`,
    );
  }
  place(0);
  return {
    name: options.task,
    prompt: task.prompt,
    maxSteps: task.maxSteps,
    embodiment,
    clock: {
      now: () => now,
      behind: () => behind,
      async until(stamp) {
        wallAnchor ||= performance.now() - Number(now) / 1e6;
        while (now < stamp) {
          assertOpen();
          step();
          if (steps % substeps === 0) await pause();
        }
      },
    },
    observe(taker) {
      observer = taker;
    },
    command(commanded) {
      assertOpen();
      if (commanded.length !== embodiment.joints.length)
        throw new Error(
          `ALOHA takes ${embodiment.joints.length} positions, not ${commanded.length}: six joints and a gripper of each arm.`,
        );
      const wanted = Float64Array.from(commanded);
      for (const joint of grippers) wanted[joint] -= gap.gripperOffset;
      delayed.push(Float64Array.from(controlsFromPositions(wanted)));
      if (delayed.length > gap.delay) actuate(delayed.shift()!);
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- a rejection, not a throw
    async reset(seed) {
      assertOpen();
      place(seed);
      now += control;
      sense();
    },
    assess: () => ({ reward: best, success: best >= successReward }),
    stage: () => stage,
    sceneCameras: [
      ...new Set([...embodiment.cameras.map(({ name }) => name), ...index.cameras.keys()]),
    ],
    positions,
    qpos,
    objects: () =>
      index.objects.map((address) =>
        Array.from((data.qpos as Float64Array).subarray(address, address + 7)),
      ),
    picture: (name, size) =>
      draw(qpos(), name, size ?? embodiment.cameras.find((camera) => camera.name === name)!),
    close() {
      close();
      return Promise.resolve();
    },
  };
}

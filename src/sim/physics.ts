import { controlPeriod } from '../robot/embodiment.ts';
import { UserError } from '../errors.ts';
import type { Embodiment } from '../robot/embodiment.ts';
import { contactsOf } from './contacts.ts';
import { type Gap, frictionSetter } from './gap.ts';
import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import type { SceneIndex } from './sceneIndex.ts';
import { placed } from './sceneMap.ts';
import type { SimTask } from './tasks.ts';
import { controlsFromPositions, positionsFromJoints } from './vectors.ts';

/** An opened scene with an ALOHA and a task. */
export interface OpenScene {
  mujoco: Mujoco;
  model: MjModel;
  task: SimTask;
  index: SceneIndex;
  embodiment: Embodiment;
  /** Names the scene in errors. */
  origin: string;
  /** [16] controls of the start pose. */
  home: Float64Array;
  /** The gap between an attempt's robot and the calibration's. */
  gap: Gap | ((seed: number) => Gap);
}

/** The physics of attempts: positions, controls, time and reward. */
export class Physics {
  readonly data: MjData;
  /** Of this attempt. */
  gap!: Gap;
  /** Nanoseconds. */
  now = 0n;
  /** The task's staged reward of the last control step, and the best of the attempt. */
  stage = 0;
  best = 0;
  /** Nanoseconds of a control step. */
  readonly period: bigint;
  private readonly scene: OpenScene;
  private readonly setFriction: ReturnType<typeof frictionSetter>;
  private readonly grippers: number[];
  /** Nanoseconds of each physics step within a control step; they add up to it. */
  private readonly stepLengths: bigint[];
  private steps = 0;
  /** MuJoCo's own, s. */
  private time = 0;
  /** Delayed controls, next one first. */
  private delayed: Float64Array[] = [];

  /** Starts at rest in the start pose, as after `place(0)`. */
  constructor(scene: OpenScene) {
    const { mujoco, model, embodiment, index } = scene;
    this.scene = scene;
    this.setFriction = frictionSetter(model);
    this.grippers = embodiment.joints.flatMap(({ kind }, joint) =>
      kind === 'gripper' ? [joint] : [],
    );
    this.period = controlPeriod(embodiment);
    const end = (step: number) => (this.period * BigInt(step)) / BigInt(index.substeps);
    this.stepLengths = Array.from(
      { length: index.substeps },
      (_, step) => end(step + 1) - end(step),
    );
    this.data = new mujoco.MjData(model);
    this.place(0);
  }

  /** Begins an attempt: the robot at rest in its start pose, objects as the seed places them. */
  place(seed: number): void {
    const { mujoco, model, index, home, gap } = this.scene;
    this.gap = typeof gap === 'function' ? gap(seed) : gap;
    this.setFriction(this.gap.friction);
    mujoco.mj_resetData(model, this.data);
    const values = this.data.qpos as Float64Array;
    home.forEach((value, joint) => {
      values[index.joints[joint]] = value;
    });
    this.actuate(home);
    this.settle();
    placed(index.task, seed).forEach((pose, object) => {
      values.set(pose, index.objects[object]);
    });
    mujoco.mj_forward(model, this.data);
    this.steps = 0;
    this.time = 0;
    this.stage = 0;
    this.best = 0;
    this.delayed = [];
  }

  /** Takes one physics step. Returns whether it ends a control step. Throws a `UserError` if the physics diverge. */
  step(): boolean {
    const { mujoco, model, origin, task, index } = this.scene;
    const before = this.time;
    mujoco.mj_step(model, this.data);
    this.time = this.data.time;
    // MuJoCo resets to time 0 if its numbers are not finite or grow too large.
    if (this.time <= before)
      throw new UserError(
        `Scene ${origin} is unstable: its physics broke down after ${before.toFixed(3)} s of an attempt; choose a smaller timestep or softer actuators`,
        { kind: 'invalid', subject: origin },
      );
    this.now += this.stepLengths[this.steps % index.substeps];
    this.steps++;
    if (this.steps % index.substeps !== 0) return false;
    this.stage = task.reward(contactsOf(this.data, index.shapes));
    this.best = Math.max(this.best, this.stage);
    return true;
  }

  /** Commands positions [14], rad and openings; they take effect after the gap's delay. */
  command(positions: Float64Array): void {
    const wanted = Float64Array.from(positions);
    for (const joint of this.grippers) wanted[joint] -= this.gap.gripperOffset;
    this.delayed.push(Float64Array.from(controlsFromPositions(wanted, this.scene.index.gripper)));
    if (this.delayed.length > this.gap.delay) this.actuate(this.delayed.shift()!);
  }

  /** [14] positions as the robot measures them: rad, openings. */
  positions(): Float64Array {
    const values = this.data.qpos as Float64Array;
    const { joints, gripper } = this.scene.index;
    const measured = positionsFromJoints(
      joints.map((address) => values[address]),
      gripper,
    );
    for (const joint of this.grippers) measured[joint] += this.gap.gripperOffset;
    return measured;
  }

  /** All of MuJoCo's generalised positions, a copy. */
  qpos(): Float64Array {
    return Float64Array.from(this.data.qpos as Float64Array);
  }

  /** Poses [x y z qw qx qy qz] of the task's objects, m. */
  objects(): number[][] {
    const values = this.data.qpos as Float64Array;
    return this.scene.index.objects.map((address) =>
      Array.from(values.subarray(address, address + 7)),
    );
  }

  /** Sets the position targets of the 16 joints. */
  private actuate(positions: ArrayLike<number>): void {
    const controls = this.data.ctrl as Float64Array;
    this.scene.index.servos.forEach((servo, joint) => {
      if (servo) controls[servo.control] = servo.scale * positions[joint] + servo.offset;
    });
  }

  /** Sets the state of filtered controls to their targets. */
  private settle(): void {
    const [controls, activations] = [this.data.ctrl, this.data.act] as [Float64Array, Float64Array];
    for (const servo of this.scene.index.servos)
      if (servo && servo.activation >= 0) activations[servo.activation] = controls[servo.control];
  }
}

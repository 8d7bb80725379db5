import { UserError } from '../errors.ts';
import { find, type MjModel, type Mujoco } from './mujoco.ts';
import type { SimTask } from './tasks.ts';
import { armJoints } from './viperx.ts';

/** Where a model keeps what the simulator reads and writes. */
export interface SceneIndex {
  /** Addresses in qpos of the 16 joints: each arm's six, its left and its right finger. */
  joints: number[];
  /** Indices in ctrl of the same joints' actuators. */
  controls: number[];
  /** Addresses in qpos of the objects' free joints, in the task's order. */
  objects: number[];
  /** Shapes that the task's reward asks about, by name. */
  shapes: Map<string, number>;
  /** Cameras by name. */
  cameras: Map<string, number>;
}

/** Finds all that the task and the cameras need; an error names everything that is missing. */
export function indexScene(
  mujoco: Mujoco,
  model: MjModel,
  task: SimTask,
  cameras: string[],
  origin: string,
): SceneIndex {
  const missing: string[] = [];
  const lookUp = (kind: 'joint' | 'geom' | 'camera', name: string) => {
    const id = find(mujoco, model, kind, name);
    if (id === undefined) missing.push(`${kind} "${name}"`);
    return id ?? -1;
  };
  const joints = [...armJoints('left'), ...armJoints('right')];
  const jointIds = joints.map((name) => lookUp('joint', name));
  const driven = (model.actuator_trnid as Int32Array).filter((_, index) => index % 2 === 0);
  const controls = jointIds.map((joint, index) => {
    const control = driven.indexOf(joint);
    if (joint >= 0 && control < 0) missing.push(`position actuator of joint "${joints[index]}"`);
    return control;
  });
  const objectIds = task.objectJoints.map((name) => lookUp('joint', name));
  const shapes = new Map(task.shapes.map((name) => [name, lookUp('geom', name)]));
  const cameraIds = new Map(cameras.map((name) => [name, lookUp('camera', name)]));
  if (missing.length > 0)
    throw new UserError(
      `Scene ${origin} is not an ALOHA that this task can use: it lacks ${missing.join(', ')}. ` +
        `Name them so in the MJCF, or ask only for cameras that it has.`,
    );
  const address = (joint: number) => (model.jnt_qposadr as Int32Array)[joint];
  return {
    joints: jointIds.map(address),
    controls,
    objects: objectIds.map(address),
    shapes,
    cameras: cameraIds,
  };
}

import { listed, UserError } from '../errors.ts';
import { coupledJoint } from './coupledJoint.ts';
import { find, flagOf, type MjModel, type Mujoco, nameOf } from './mujoco.ts';
import { type Servo, servoOfJoint } from './servos.ts';
import { type MappedTask, type SceneMap, jointsIn } from './sceneMap.ts';
import type { SimTaskName } from './taskNames.ts';
import type { ArmJoint } from './viperx.ts';

/** Addresses in a model of everything that the simulator reads and writes. */
export interface SceneIndex {
  /** The 16 joints: each arm's six, its left and its right finger. */
  armJoints: ArmJoint[];
  /** Addresses in qpos of the same joints. */
  joints: number[];
  /** Addresses in qvel of the same joints. */
  dofs: number[];
  /** Range of each joint: rad, m for fingers. */
  ranges: [number, number][];
  /** Servo of each joint; undefined for a finger that is coupled to the other one. */
  servos: (Servo | undefined)[];
  /** Positions of a left finger, m. */
  gripper: SceneMap['gripper'];
  /** Where gym-aloha's frame lies in the scene, m. */
  origin: SceneMap['origin'];
  /** Addresses in qpos of the objects' free joints, in the task's order. */
  objects: number[];
  /** The task in this scene. */
  task: MappedTask;
  /** Geoms of the shapes that the task's reward uses, by the task's names; none without the task. */
  shapes: Map<string, number[]>;
  /** Whether the task's objects are in the scene. */
  hasTask: boolean;
  /** All named cameras: by the simulator's names where they have one, else by the scene's. */
  cameras: Map<string, number>;
  /** Physics steps of one control step. */
  substeps: number;
}

/** Tolerance on the length of a control step, s: a scene's timestep is written with few digits. */
const ROUNDING = 1e-7;

type Faults = string[];

function substepsOf({ opt }: MjModel, controlRate: number, faults: Faults): number {
  const period = 1 / controlRate;
  if (!(opt.timestep > 0)) {
    faults.push(`timestep ${opt.timestep} s is none; set the option timestep to ${period / 10}`);
    return 1;
  }
  const substeps = Math.round(period / opt.timestep);
  if (substeps < 1 || Math.abs(substeps * opt.timestep - period) > ROUNDING)
    faults.push(
      `timestep ${opt.timestep} s does not divide the control step of ${period} s; set the option timestep to ${period} s over a whole number, as ${period / Math.max(1, substeps)}`,
    );
  return substeps;
}

function kindOf(mujoco: Mujoco, model: MjModel, joint: number): string {
  const names = Object.entries({
    mjJNT_FREE: 'free',
    mjJNT_BALL: 'ball',
    mjJNT_SLIDE: 'slide',
    mjJNT_HINGE: 'hinge',
  } as const);
  const type = (model.jnt_type as Int32Array)[joint];
  return names.find(
    ([key]) => mujoco.mjtJoint[key as keyof typeof mujoco.mjtJoint].value === type,
  )![1];
}

/** A joint's index; undefined, with a fault added, if it is missing or of another kind. */
function findJoint(mujoco: Mujoco, model: MjModel, name: string, kind: string, faults: Faults) {
  const id = find(mujoco, model, 'joint', name);
  if (id === undefined) {
    faults.push(`joint "${name}" is missing`);
    return undefined;
  }
  const found = kindOf(mujoco, model, id);
  if (found === kind) return id;
  faults.push(`joint "${name}" is a ${found} joint; a ${kind} joint is expected`);
  return undefined;
}

/** A joint's range; adds a fault if it is too small. */
function rangeOf(
  model: MjModel,
  joint: ArmJoint,
  id: number,
  home: number,
  faults: Faults,
): [number, number] {
  if (!flagOf(model.jnt(id), 'limited')) return joint.range;
  const [lower, upper] = (model.jnt_range as Float64Array).subarray(2 * id, 2 * id + 2);
  const needed = joint.kind === 'slide' ? joint.range : [home, home];
  const slack = 0.001;
  if (lower > needed[0] + slack || upper < needed[1] - slack)
    faults.push(
      `joint "${joint.name}" reaches ${lower} to ${upper}; ALOHA's needs ${joint.range.join(' to ')}`,
    );
  return [Math.max(lower, joint.range[0]), Math.min(upper, joint.range[1])];
}

function namedCameras(
  mujoco: Mujoco,
  model: MjModel,
  { cameras }: SceneMap,
  faults: Faults,
): Map<string, number> {
  const ours = new Map(Object.entries(cameras).map(([name, theirs]) => [theirs, name]));
  const ids = Array.from({ length: model.ncam }, (_, id) => id);
  const theirs = ids.map((id) => nameOf(mujoco, model, 'camera', id));
  for (const name of ours.keys())
    if (!theirs.includes(name)) faults.push(`camera "${name}" is missing`);
  const named = theirs.map((name, id) => [ours.get(name) ?? name, id] as const);
  return new Map(named.filter(([name]) => name !== ''));
}

/** The geoms that a mapping names. */
function geomsOf(
  mujoco: Mujoco,
  model: MjModel,
  named: MappedTask['geoms'][string],
  faults: Faults,
): number[] {
  const [kind, name] = typeof named === 'string' ? (['geom', named] as const) : (['body', named.body] as const); // prettier-ignore
  const id = find(mujoco, model, kind, name);
  if (id === undefined) {
    faults.push(`${kind} "${name}" is missing`);
    return [];
  }
  if (kind === 'geom') return [id];
  const bodies = model.geom_bodyid as Int32Array;
  return [...bodies.keys()].filter((geom) => bodies[geom] === id);
}

/** What a scene whose arms are moved by mocap bodies is told. */
function mocapRefusal(origin: string, file = 'the one whose joints have position actuators') {
  return new UserError(
    `Scene ${origin} moves its arms by mocap bodies, and Nalu commands joints; use ${file}`,
    { kind: 'unsupported', subject: origin },
  );
}

/**
 * Finds everything that the simulator drives and the task uses. Throws an error that names everything that is missing
 * or of the wrong kind. `home` is the start position of each of the 16 joints.
 */
export function indexScene(
  mujoco: Mujoco,
  model: MjModel,
  map: SceneMap,
  taskName: SimTaskName,
  { controlRate, home }: { controlRate: number; home: ArrayLike<number> },
  origin: string,
): SceneIndex {
  const task = map.tasks[taskName];
  if (!task)
    throw new UserError(`${map.file} has no task ${taskName}; add it under tasks`, {
      kind: 'missing',
      subject: map.file,
      fields: [`tasks.${taskName}`],
    });
  const faults: Faults = [];
  const joints = jointsIn(map);
  const ids = joints.map(({ name, kind }) => findJoint(mujoco, model, name, kind, faults));
  const ranges = joints.map((joint, index) =>
    ids[index] === undefined ? joint.range : rangeOf(model, joint, ids[index], home[index], faults),
  );
  const found = joints.map((joint, index) =>
    ids[index] === undefined
      ? undefined
      : servoOfJoint(mujoco, model, joint, ids[index], ranges[index]),
  );
  const servos = found.map((servo, index) => {
    if (typeof servo !== 'string') return servo;
    const { kind, name } = joints[index];
    const other = kind === 'slide' ? fingerBeside(index) : index;
    const taken = other !== index && typeof found[other] === 'object' && ids[other] !== undefined;
    if (taken && coupledJoint(mujoco, model, ids[index]!, ids[other]!, map.gripper.right))
      return undefined;
    faults.push(`joint "${name}": ${servo}`);
    return undefined;
  });
  const isDriven = joints.some(({ kind }, index) => kind === 'hinge' && servos[index]);
  if (model.nmocap > 0 && !isDriven && !ids.includes(undefined))
    throw mocapRefusal(origin, task.file);
  const isThere = ({ joint }: { joint: string }) =>
    find(mujoco, model, 'joint', joint) !== undefined;
  const hasTask = !task.optional || task.objects.some(isThere);
  const { objects: mapped, geoms } = hasTask ? task : { objects: [], geoms: {} };
  const objects = mapped.map(({ joint }) => findJoint(mujoco, model, joint, 'free', faults));
  const shapes = Object.entries(geoms).map(
    ([shape, named]) => [shape, geomsOf(mujoco, model, named, faults)] as const,
  );
  const cameras = namedCameras(mujoco, model, map, faults);
  const substeps = substepsOf(model, controlRate, faults);
  if (faults.length > 0)
    throw new UserError(
      `Scene ${origin} is not an ALOHA that this task can use; mend the MJCF:${listed(faults)}`,
      { kind: 'invalid', subject: origin },
    );
  const addresses = (of: Int32Array, of16: (number | undefined)[]) => of16.map((id) => of[id!]);
  return {
    armJoints: joints,
    joints: addresses(model.jnt_qposadr as Int32Array, ids),
    dofs: addresses(model.jnt_dofadr as Int32Array, ids),
    ranges,
    servos,
    gripper: map.gripper,
    origin: map.origin,
    task: { ...task, objects: mapped },
    hasTask,
    objects: addresses(model.jnt_qposadr as Int32Array, objects),
    shapes: new Map(shapes),
    cameras,
    substeps,
  };
}

/** The other finger of the same hand: fingers are the last two joints of each arm's eight. */
const fingerBeside = (index: number) => (index % 2 === 0 ? index + 1 : index - 1);

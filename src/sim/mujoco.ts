import loadMujoco, {
  type ClassHandle,
  type MainModule,
  type MjData,
  type MjModel,
} from '@mujoco/mujoco';

export type { MjData, MjModel };
export type Mujoco = MainModule;

let engine: Promise<Mujoco> | undefined;

/** The physics engine, loaded once in a process. */
export function mujoco(): Promise<Mujoco> {
  return (engine ??= loadMujoco());
}

/** MuJoCo's kinds of named elements that the simulator uses. */
const kinds = {
  joint: 'mjOBJ_JOINT',
  geom: 'mjOBJ_GEOM',
  body: 'mjOBJ_BODY',
  camera: 'mjOBJ_CAMERA',
  actuator: 'mjOBJ_ACTUATOR',
} as const;

/** Index of a named element of the model, or undefined. */
export function find(
  engine: Mujoco,
  model: MjModel,
  kind: keyof typeof kinds,
  name: string,
): number | undefined {
  const id = engine.mj_name2id(model, engine.mjtObj[kinds[kind]].value, name);
  return id < 0 ? undefined : id;
}

/** Name of an element of the model; empty if it has none. */
export function nameOf(
  engine: Mujoco,
  model: MjModel,
  kind: keyof typeof kinds,
  id: number,
): string {
  return engine.mj_id2name(model, engine.mjtObj[kinds[kind]].value, id) ?? '';
}

/** A flag of one element of the model; the binding does not expose flags as arrays. */
export function flagOf<Element extends ClassHandle>(element: Element, flag: keyof Element) {
  try {
    return Boolean(element[flag]);
  } finally {
    element.delete();
  }
}

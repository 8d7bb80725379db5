import loadMujoco, { type MainModule, type MjData, type MjModel } from '@mujoco/mujoco';

export type { MjData, MjModel };
export type Mujoco = MainModule;

let engine: Promise<Mujoco> | undefined;

/** The physics engine, loaded once in a process. */
export function mujoco(): Promise<Mujoco> {
  return (engine ??= loadMujoco());
}

/** MuJoCo's kinds of named things that the simulator looks up. */
const kinds = {
  joint: 'mjOBJ_JOINT',
  geom: 'mjOBJ_GEOM',
  camera: 'mjOBJ_CAMERA',
  actuator: 'mjOBJ_ACTUATOR',
} as const;

/** Index of a named thing in the model, or undefined. */
export function find(
  engine: Mujoco,
  model: MjModel,
  kind: keyof typeof kinds,
  name: string,
): number | undefined {
  const id = engine.mj_name2id(model, engine.mjtObj[kinds[kind]].value, name);
  return id < 0 ? undefined : id;
}

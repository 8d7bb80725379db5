import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import type { SceneIndex } from './sceneIndex.ts';
import { strangersPulling } from './servos.ts';
import { armJoints } from './viperx.ts';

/** rad by which a joint of the arms is moved: each by another angle, so that no coupling of two is kept. */
const displacement = (joint: number) => 0.1 + 0.01 * joint;

/** Force or torque below which a constraint counts as idle, N or Nm. */
const IDLE = 1e-6;

/** Has MuJoCo leave contacts, limits and friction out while `look` runs. */
function withEqualitiesAlone<T>({ mjtDisableBit }: Mujoco, model: MjModel, look: () => T): T {
  const { mjDSBL_CONTACT, mjDSBL_LIMIT, mjDSBL_FRICTIONLOSS } = mjtDisableBit;
  const before = model.opt.disableflags;
  model.opt.disableflags =
    before | mjDSBL_CONTACT.value | mjDSBL_LIMIT.value | mjDSBL_FRICTIONLOSS.value;
  try {
    return look();
  } finally {
    model.opt.disableflags = before;
  }
}

/**
 * What keeps the arms from going where their servos are told, with control 0 of all else: other actuators,
 * and joints that an equality holds or couples. Leaves `data` displaced; fingers may be coupled.
 */
export function restraints(
  engine: Mujoco,
  model: MjModel,
  data: MjData,
  index: SceneIndex,
): string[] {
  const joints = [...armJoints('left'), ...armJoints('right')];
  const turning = [...joints.keys()].filter((joint) => joints[joint].kind === 'hinge');
  const positions = data.qpos as Float64Array;
  for (const joint of turning) positions[index.joints[joint]] += displacement(joint);
  return withEqualitiesAlone(engine, model, () => {
    engine.mj_forward(model, data);
    const forces = data.qfrc_constraint as Float64Array;
    const held = turning.filter((joint) => Math.abs(forces[index.dofs[joint]]) > IDLE);
    return [
      ...strangersPulling(engine, model, data, index).map((name) => `${name} pulls at the arms`),
      ...held.map((joint) => `an equality holds joint "${joints[joint].name}"`),
    ];
  });
}

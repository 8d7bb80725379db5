import type { MjData, MjModel, Mujoco } from './mujoco.ts';
import type { SceneIndex } from './sceneIndex.ts';
import { strangersPulling } from './servos.ts';

/** Displacement of an arm joint, rad: a different angle per joint, so that every coupling is violated. */
const displacement = (joint: number) => 0.1 + 0.01 * joint;

/** Force or torque below which a constraint counts as idle, N or Nm. */
const IDLE = 1e-6;

/** Runs `measure` with MuJoCo's contacts, limits and friction disabled. */
function withEqualitiesAlone<T>({ mjtDisableBit }: Mujoco, model: MjModel, measure: () => T): T {
  const { mjDSBL_CONTACT, mjDSBL_LIMIT, mjDSBL_FRICTIONLOSS } = mjtDisableBit;
  const before = model.opt.disableflags;
  model.opt.disableflags =
    before | mjDSBL_CONTACT.value | mjDSBL_LIMIT.value | mjDSBL_FRICTIONLOSS.value;
  try {
    return measure();
  } finally {
    model.opt.disableflags = before;
  }
}

/**
 * Descriptions of what keeps the arms from reaching their servos' targets when all other controls are 0: other
 * actuators, and equalities that hold or couple joints. Fingers may be coupled. Leaves `data` displaced.
 */
export function restraints(
  engine: Mujoco,
  model: MjModel,
  data: MjData,
  index: SceneIndex,
): string[] {
  const joints = index.armJoints;
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

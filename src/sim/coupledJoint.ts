import { flagOf, type MjModel, type Mujoco } from './mujoco.ts';

/** Parameters of an equality. */
const PARAMETERS = 11;

/** Tolerance within which coupled fingers are where they should be, m. */
const CLOSE = 1e-6;

/** Finger positions at which the coupling is evaluated, m. */
const PROBES = [0.02, 0.04, 0.06];

/** Whether an equality of the scene holds one joint at `sign` times the other's position. */
export function coupledJoint(
  { mjtEq, mjtDisableBit }: Mujoco,
  model: MjModel,
  joint: number,
  other: number,
  sign: 1 | -1,
): boolean {
  if (model.opt.disableflags & mjtDisableBit.mjDSBL_EQUALITY.value) return false;
  const types = model.eq_type as Int32Array;
  const first = model.eq_obj1id as Int32Array;
  const second = model.eq_obj2id as Int32Array;
  const data = model.eq_data as Float64Array;
  const rest = (id: number) => (model.qpos0 as Float64Array)[(model.jnt_qposadr as Int32Array)[id]];
  return Array.from(types.keys()).some((equality) => {
    const pair = [first[equality], second[equality]];
    if (types[equality] !== mjtEq.mjEQ_JOINT.value) return false;
    if (!pair.includes(joint) || !pair.includes(other)) return false;
    if (!flagOf(model.eq(equality), 'active0')) return false;
    const coefficients = data.subarray(PARAMETERS * equality, PARAMETERS * equality + 5);
    // The first joint follows a polynomial of the second, both relative to their rest positions.
    return PROBES.every((probe) => {
      const at = (pair[1] === other ? probe : sign * probe) - rest(pair[1]);
      const kept = coefficients.reduce((sum, factor, power) => sum + factor * at ** power, 0);
      const wanted = (pair[1] === other ? sign * probe : probe) - rest(pair[0]);
      return Math.abs(kept - wanted) < CLOSE;
    });
  });
}

import { flagOf, type MjData, type MjModel, type Mujoco, nameOf } from './mujoco.ts';
import type { ArmJoint } from './viperx.ts';

/** A joint's position servo: with control `scale` * position + `offset`, the actuator rests at that position. */
export interface Servo {
  actuator: number;
  /** Address in ctrl. */
  control: number;
  /** Address in act of the filtered control, or −1. */
  activation: number;
  scale: number;
  offset: number;
}

/** Part of a joint's range that a control need not reach: rad, m for a finger. */
const SLACK = { hinge: 0.01, slide: 0.001 };

/** Views of the model's actuators; fetched on every use, because MuJoCo's memory may move. */
function actuatorViews(model: MjModel) {
  return {
    transmission: model.actuator_trntype as Int32Array,
    target: model.actuator_trnid as Int32Array,
    dynamics: model.actuator_dyntype as Int32Array,
    gain: model.actuator_gaintype as Int32Array,
    gains: model.actuator_gainprm as Float64Array,
    bias: model.actuator_biastype as Int32Array,
    biases: model.actuator_biasprm as Float64Array,
    gear: model.actuator_gear as Float64Array,
    control: model.actuator_ctrladr as Int32Array,
    output: model.actuator_outadr as Int32Array,
    activation: model.actuator_actadr as Int32Array,
    delay: model.actuator_delay as Float64Array,
    plugin: model.actuator_plugin as Int32Array,
    group: model.actuator_group as Int32Array,
    controlRange: model.actuator_ctrlrange as Float64Array,
    activationRange: model.actuator_actrange as Float64Array,
  };
}

/** Number of gain or bias parameters per actuator. */
const PARAMETERS = 10;

/** Why an actuator cannot be commanded by position; undefined if it can. */
function obstacle(engine: Mujoco, model: MjModel, actuator: number): string | undefined {
  const { dynamics, gain, gains, bias, biases, gear, output, delay, plugin, group } =
    actuatorViews(model);
  const { mjtDyn, mjtGain, mjtBias, mjtDisableBit } = engine;
  const at = PARAMETERS * actuator;
  const follows = [mjtDyn.mjDYN_NONE, mjtDyn.mjDYN_FILTER, mjtDyn.mjDYN_FILTEREXACT];
  const servo =
    plugin[actuator] < 0 &&
    follows.some(({ value }) => value === dynamics[actuator]) &&
    gain[actuator] === mjtGain.mjGAIN_FIXED.value &&
    bias[actuator] === mjtBias.mjBIAS_AFFINE.value &&
    gains[at] !== 0 &&
    biases[at + 1] < 0;
  if (!servo) return 'is no position servo: its force does not draw the joint to the control';
  if (gear[6 * output[actuator]] === 0) return 'has gear 0';
  if (delay[actuator] > 0) return `acts ${delay[actuator]} s late; take its delay away`;
  const { disableflags, disableactuator } = model.opt;
  const off = disableflags & mjtDisableBit.mjDSBL_ACTUATION.value;
  // MuJoCo switches groups 0 to 30.
  if (
    off ||
    (group[actuator] >= 0 && group[actuator] <= 30 && disableactuator & (1 << group[actuator]))
  )
    return 'is switched off by the option element';
  return undefined;
}

function servoOf(model: MjModel, actuator: number): Servo {
  const { gains, biases, gear, control, output, activation } = actuatorViews(model);
  const at = PARAMETERS * actuator;
  return {
    actuator,
    control: control[actuator],
    activation: activation[actuator],
    scale: (-biases[at + 1] / gains[at]) * gear[6 * output[actuator]],
    offset: -biases[at] / gains[at],
  };
}

/** Whether MuJoCo clamps a control to its range. The element's flags are at its own index. */
const isControlLimited = (model: MjModel, control: number) =>
  control >= model.nactuator || flagOf(model.actuator(control), 'ctrllimited');

/** The limit that keeps a control from covering all of `reach`, or undefined. */
function clipping(model: MjModel, servo: Servo, { kind }: ArmJoint, reach: number[]) {
  const { controlRange, activationRange } = actuatorViews(model);
  const { actuator, activation, control, scale, offset } = servo;
  const limits: [string, Float64Array][] = [];
  if (isControlLimited(model, control))
    limits.push(['ctrlrange', controlRange.subarray(2 * control, 2 * control + 2)]);
  if (activation >= 0 && flagOf(model.actuator(actuator), 'actlimited'))
    limits.push(['actrange', activationRange.subarray(2 * actuator, 2 * actuator + 2)]);
  const wanted = reach.map((position) => scale * position + offset).sort((a, b) => a - b);
  const slack = SLACK[kind] * Math.abs(scale);
  const tight = limits.find(
    ([, [lower, upper]]) =>
      lower < upper && (lower > wanted[0] + slack || upper < wanted[1] - slack),
  );
  if (!tight) return undefined;
  const needs = wanted.map((value) => Number(value.toFixed(5))).join(' to ');
  return `takes ${tight[1].join(' to ')} (${tight[0]}); the joint's range needs ${needs}`;
}

const actuatorName = (engine: Mujoco, model: MjModel, actuator: number) =>
  `actuator ${nameOf(engine, model, 'actuator', actuator) || actuator}`;

/**
 * The one position servo that acts on a joint and covers all of `reach`; or the problem, as text to append to the
 * joint's name.
 */
export function servoOfJoint(
  engine: Mujoco,
  model: MjModel,
  joint: ArmJoint,
  id: number,
  reach: number[],
): Servo | string {
  const { transmission, target } = actuatorViews(model);
  const { mjTRN_JOINT, mjTRN_JOINTINPARENT } = engine.mjtTrn;
  const own = range(0, model.nactuator).filter(
    (actuator) =>
      target[2 * actuator] === id &&
      [mjTRN_JOINT.value, mjTRN_JOINTINPARENT.value].some(
        (kind) => kind === transmission[actuator],
      ),
  );
  const named = (actuator: number) => actuatorName(engine, model, actuator);
  const fit = own.filter((actuator) => obstacle(engine, model, actuator) === undefined);
  if (own.length === 0) return 'has no actuator of its own; give it a position actuator';
  if (fit.length === 0)
    return own
      .map((actuator) => `${named(actuator)} ${obstacle(engine, model, actuator)}`)
      .join(', ');
  if (fit.length > 1) return `has ${fit.length} position actuators: ${fit.map(named).join(', ')}`;
  const servo = servoOf(model, fit[0]);
  const clipped = clipping(model, servo, joint, reach);
  return clipped ? `${named(fit[0])} ${clipped}` : servo;
}

/**
 * Actuators other than the servos that exert a force on one of the joints (by address in qvel) in the state of `data`,
 * which must be up to date.
 */
export function strangersPulling(
  engine: Mujoco,
  model: MjModel,
  data: MjData,
  { servos, dofs }: { servos: (Servo | undefined)[]; dofs: number[] },
): string[] {
  const ours = new Set(servos.map((servo) => servo?.actuator));
  const firstOutput = model.actuator_outadr as Int32Array;
  const outputs = model.actuator_outnum as Int32Array;
  const force = data.actuator_force as Float64Array;
  const moment = data.actuator_moment as Float64Array;
  const column = data.moment_colind as Int32Array;
  const rowStart = data.moment_rowadr as Int32Array;
  const rowLength = data.moment_rownnz as Int32Array;
  const pulls = (output: number) =>
    force[output] !== 0 &&
    range(rowStart[output], rowLength[output]).some(
      (at) => moment[at] !== 0 && dofs.includes(column[at]),
    );
  return range(0, model.nactuator)
    .filter((actuator) => !ours.has(actuator))
    .filter((actuator) => range(firstOutput[actuator], outputs[actuator]).some(pulls))
    .map((actuator) => actuatorName(engine, model, actuator));
}

/** `length` whole numbers from `start` on. */
const range = (start: number, length: number) => Array.from({ length }, (_, k) => start + k);

import { type JointKind, UNITS } from '../robot/embodiment.ts';
import { expandMask, isDeltaActions } from '../policy/vectors/deltaActions.ts';
import { policySpace } from './fitSpace.ts';
import { jointLimits } from '../guard/jointLimits.ts';
import type { Misfit, FitCase, RobotCase, SampledCase } from './case.ts';

/** Openings beyond 0 to 1: normal for a well-calibrated gripper, and at most for one with the right angles. */
const GRIPPER_SLACK = { usual: 0.05, most: 0.25 };
/** Control steps at full speed within which a chunk's first row should be reachable. */
const STEPS_TO_FIRST_ROW = 5;
/** rad or openings beyond a joint's limits: harmless to clamp, and too far for clamping to help. */
const BEYOND_LIMITS = { slight: 0.05, gross: 0.5 };
/** Least |angle| of a joint that can distinguish relative from absolute actions, rad. */
const AWAY_FROM_ZERO = 0.3;
/** Joints that must agree before actions are called relative or absolute. */
const WITNESSES = 3;
/** Tolerance for equal values, as a fraction of the joint's angle. */
const ALIKE = 0.25;

/** rad */
const TURN = 2 * Math.PI;

const unit = (kind: JointKind) => ` ${UNITS[kind]}`;

export function gripperOpening({ robot, position }: RobotCase): Misfit[] {
  return robot.joints.flatMap(({ name, kind }, joint): Misfit[] => {
    const at = position[joint];
    const beyond = Math.max(-at, at - 1);
    if (kind !== 'gripper' || !(beyond > GRIPPER_SLACK.usual)) return [];
    return [
      {
        severity: beyond > GRIPPER_SLACK.most ? 'error' : 'warning',
        subject: name,
        message: `${name} is measured at opening ${at.toFixed(2)}, but 0 is closed and 1 is open; correct the gripper's angles or constant set in the calibration`,
      },
    ];
  });
}

/** Compares measured joint positions with the joints' limits and with physically possible angles. */
export function measuredPose({ robot, position }: RobotCase): Misfit[] {
  return robot.joints.flatMap(({ name, kind, lower, upper }, joint): Misfit[] => {
    const at = position[joint];
    const beyond = Math.max(lower - at, at - upper);
    if (kind === 'gripper' || !(beyond > BEYOND_LIMITS.slight)) return [];
    if (kind === 'arm' && Math.abs(at) > 2 * TURN)
      return [
        {
          severity: 'error',
          subject: name,
          message: `${name} is measured at ${at.toFixed(2)}, and no joint turns by that many radians; its driver has degrees or ticks instead of radians, or the calibration a wrong offset`,
        },
      ];
    return [
      {
        severity: 'warning',
        subject: name,
        message: `${name} is measured at ${at.toFixed(2)}${unit(kind)}, outside its limits ${lower} to ${upper}; bring it inside before the policy moves it, or correct its sign, offset or limits in the calibration`,
      },
    ];
  });
}

export function finiteChunk({ robot, chunk }: SampledCase<RobotCase>): Misfit[] {
  const joints = robot.joints.length;
  const bad = robot.joints.filter((_, joint) =>
    chunk.some((value, index) => index % joints === joint && !Number.isFinite(value)),
  );
  if (bad.length === 0) return [];
  const subject = bad.map(({ name }) => name).join(', ');
  return [
    {
      severity: 'error',
      subject,
      message: `the policy's actions for ${subject} are not finite numbers; check its weights and normalisation statistics`,
    },
  ];
}

/** The joint with the largest first move relative to its own step limit; undefined if no move is finite. */
export function farthestFirstMove({ robot, position, chunk }: SampledCase<RobotCase>) {
  const { step } = jointLimits(robot);
  const moves = robot.joints.map(({ name, kind }, joint) => {
    const distance = Math.abs(chunk[joint] - position[joint]);
    return { joint: name, kind, distance, allowed: step[joint] };
  });
  return moves
    .filter(({ distance }) => Number.isFinite(distance))
    .toSorted((a, b) => b.distance / b.allowed - a.distance / a.allowed)
    .at(0);
}

/**
 * Compares a chunk's first row with the limits of one step from rest. A gripper may be commanded over its whole range
 * at once: it is open before it closes on an object.
 */
export function firstTick({ robot, position, chunk }: SampledCase<RobotCase>): Misfit[] {
  const { step, change } = jointLimits(robot);
  return robot.joints.flatMap(({ name, kind }, joint): Misfit[] => {
    const distance = Math.abs(chunk[joint] - position[joint]);
    const allowed = Math.min(step[joint], change[joint]);
    if (!(distance > allowed) || distance === Infinity) return [];
    const far = distance > (kind === 'gripper' ? 1 : STEPS_TO_FIRST_ROW * step[joint]);
    return [
      {
        severity: far ? 'error' : 'warning',
        subject: name,
        message: `would move ${name} by ${distance.toFixed(2)}${unit(kind)} in the first tick, to ${chunk[joint].toFixed(2)}; its limits allow ${allowed.toFixed(2)} from rest; ${far ? 'mend what else is found, or bring the robot to where the policy begins' : 'the guard would spread it over several ticks'}`,
      },
    ];
  });
}

export function chunkLimits({ robot, chunk }: SampledCase<RobotCase>): Misfit[] {
  const joints = robot.joints.length;
  return robot.joints.flatMap(({ name, kind, lower, upper }, joint): Misfit[] => {
    const row = chunk.filter(
      (_, index) => index % joints === joint && Number.isFinite(chunk[index]),
    );
    const beyond = (at: number) => Math.max(lower - at, at - upper);
    const worst = row.reduce((far, at) => (beyond(at) > beyond(far) ? at : far), lower);
    if (beyond(worst) <= BEYOND_LIMITS.slight) return [];
    const gross = beyond(worst) > BEYOND_LIMITS.gross;
    return [
      {
        severity: gross ? 'error' : 'warning',
        subject: name,
        message: `the first chunk wants ${name} at ${worst.toFixed(2)}, ${beyond(worst).toFixed(2)}${unit(kind)} outside its limits ${lower} to ${upper}; ${gross ? "check the policy's normalisation statistics and units" : 'the guard would hold it at the limit'}`,
      },
    ];
  });
}

const FINDINGS = {
  relative: {
    message:
      "the policy's actions look like differences from the state, but its transforms do not say so",
    advice: 'add deltaActions with its mask before the normalisation',
  },
  absolute: {
    message: "the policy's actions look absolute, but its transforms add the state to them",
    advice: 'remove deltaActions',
  },
};

/**
 * Checks whether actions are relative or absolute as the transforms assume. For joints away from zero, absolute actions
 * lie near the state and relative ones near zero, both in the statistics and in a chunk's first row.
 */
export function actionKind(fit: FitCase): Misfit[] {
  const { policy, robot, position, chunk } = fit;
  const mask = expandMask(policy.transforms.find(isDeltaActions)?.mask ?? []);
  const arms = robot.joints.flatMap(({ kind }, joint) => (kind === 'arm' ? [joint] : []));

  /** Whether `values` approximately equal `times` · `references` at every joint away from zero. */
  const alike = (
    joints: number[],
    values: ArrayLike<number>,
    references: ArrayLike<number>,
    times: number,
  ) => {
    const witnesses = joints.filter((joint) => Math.abs(references[joint]) > AWAY_FROM_ZERO);
    return (
      witnesses.length >= WITNESSES &&
      witnesses.every((joint) => {
        const distance = Math.abs(values[joint] - times * references[joint]);
        return distance <= ALIKE * Math.abs(references[joint]);
      })
    );
  };

  const space = policySpace(policy, robot);
  const matches = (joints: number[], inStatistics: number, inRow: number) =>
    (space && alike(joints, space.actions.centre, space.state.centre, inStatistics)) ||
    (chunk && alike(joints, chunk, position, inRow));
  const masked = (isMasked: boolean) => arms.filter((joint) => (mask[joint] ?? false) === isMasked);
  const found = [
    ...(matches(masked(false), 0, 0) ? [FINDINGS.relative] : []),
    ...(matches(masked(true), 1, 2) ? [FINDINGS.absolute] : []),
  ];
  return found.map(({ message, advice }) => ({
    severity: 'error',
    subject: 'actions',
    message: `${message}; ${advice}`,
  }));
}

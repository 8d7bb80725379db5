import { DEFAULT_DEVIATION, type Embodiment } from '../robot/embodiment.ts';
import type { Deviation } from '../guard/guardEvents.ts';

/** Seconds of recent commands that a measured joint may lie between: arms lag behind their commands. */
const LAG = 0.5;
/** Window in which deviating steps are counted, seconds. */
const COUNTED = 1;

/** Compares the arms' measured joint positions with their commands. */
export interface DeviationWatch {
  /** Joints that deviated from their commands recently. Takes the newest measured positions [joints], once per control step. */
  of(measured: Float64Array): Deviation[];
  /** Notes a command [joints]. */
  sent(command: Float64Array): void;
}

/** Distance of a position from the range of the commands; negative inside it. */
function beyond(commands: Float64Array, position: number): number {
  let least = Infinity;
  let greatest = -Infinity;
  for (const command of commands) {
    if (command < least) least = command;
    if (command > greatest) greatest = command;
  }
  return Math.max(least - position, position - greatest);
}

/** Watches the joint at `index` of the robot's vectors; its past commands count as `start`. */
function watchJoint(index: number, start: number, tolerance: number, controlRate: number) {
  const commands = new Float64Array(Math.ceil(LAG * controlRate) + 1).fill(start);
  const away = new Uint8Array(Math.ceil(COUNTED * controlRate));
  let newest = 0;
  let step = 0;
  let count = 0;
  let last = 0;
  return {
    sent(command: Float64Array) {
      newest = (newest + 1) % commands.length;
      commands[newest] = command[index];
    },
    /** Counts a step. */
    count(measured: Float64Array) {
      const at = measured[index];
      // Shortcut for most steps: within tolerance of the newest command is within tolerance of the range.
      const distance = Math.abs(at - commands[newest]) > tolerance ? beyond(commands, at) : 0;
      const isAway = Number(distance > tolerance);
      if (isAway) last = distance;
      count += isAway - away[step];
      away[step] = isAway;
      step = (step + 1) % away.length;
      return { distance: last, lasting: (1000 * count) / controlRate };
    },
  };
}

/**
 * Watches whether a robot's arms, at rest at `start` [joints], follow their commands. Grippers are left out: a gripper
 * stops at the object that it holds.
 */
export function watchDeviations(
  { joints, controlRate }: Embodiment,
  start: Float64Array,
): DeviationWatch {
  const watched = joints.flatMap(({ name, kind, deviation }, index) => {
    if (kind === 'gripper') return [];
    const tolerance = deviation ?? DEFAULT_DEVIATION[kind];
    return [{ joint: name, watch: watchJoint(index, start[index], tolerance, controlRate) }];
  });
  return {
    of(measured) {
      const found: Deviation[] = [];
      for (const { joint, watch } of watched) {
        const { distance, lasting } = watch.count(measured);
        if (lasting > 0) found.push({ joint, distance, lasting });
      }
      return found;
    },
    sent(command) {
      for (const { watch } of watched) watch.sent(command);
    },
  };
}

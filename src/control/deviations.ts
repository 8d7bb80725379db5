import { DEFAULT_DEVIATION, type Embodiment } from '../robot/embodiment.ts';
import type { Deviation } from '../guard/guardEvents.ts';

/** Seconds of commands that a joint may be anywhere between: arms come behind what they are commanded. */
const LAG = 0.5;
/** Seconds over which steps away from the command are counted. */
const COUNTED = 1;

/** Compares what is measured of the arms' joints with what they were commanded. */
export interface DeviationWatch {
  /** Joints that were away from their commands of late, by the newest measured positions [joints]; once a control step. */
  of(measured: Float64Array): Deviation[];
  /** Notes a command [joints]. */
  sent(command: Float64Array): void;
}

/** How far a position lies outside all of the commands. */
function beyond(commands: Float64Array, position: number): number {
  let least = Infinity;
  let greatest = -Infinity;
  for (const command of commands) {
    if (command < least) least = command;
    if (command > greatest) greatest = command;
  }
  return Math.max(least - position, position - greatest);
}

/** Watches the joint at an index of the robot's vectors, whose commands were `start` until now. */
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
    look(measured: Float64Array) {
      const at = measured[index];
      // Near the newest command it is near what it was commanded of late: most steps need no more.
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
 * Watches how a robot's arms, at rest at `start` [joints], follow what they are commanded. Grippers are left out: they
 * stop at what they hold.
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
        const { distance, lasting } = watch.look(measured);
        if (lasting > 0) found.push({ joint, distance, lasting });
      }
      return found;
    },
    sent(command) {
      for (const { watch } of watched) watch.sent(command);
    },
  };
}

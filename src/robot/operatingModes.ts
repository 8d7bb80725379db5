import { inNamespace } from './driverTopics.ts';

/** How a driver takes the commands of an arm or its gripper, as it says itself (Interbotix' drivers do). */
export interface OperatingMode {
  /** ROS namespace of the arm's driver. */
  namespace: string;
  part: 'arm' | 'gripper';
  mode: string;
}

/** Modes in which a command is an angle, rad. */
const ANGLE_MODES = ['position', 'ext_position', 'current_based_position'];

/** How the driver addresses each part, and the mode that ALOHA's software drives it in. */
export const PARTS = {
  arm: { cmd_type: 'group', name: 'arm', mode: 'position' },
  gripper: { cmd_type: 'single', name: 'gripper', mode: 'current_based_position' },
} as const;

/** Request of the service set_operating_modes that drives a part by angles. A profile of 0 follows at once. */
export const modeRequest = (part: OperatingMode['part']) => ({
  ...PARTS[part],
  profile_type: 'velocity',
  profile_velocity: 0,
  profile_acceleration: 0,
});

/** The shell command that sets a part's mode. */
function settingCommand({ namespace, part }: OperatingMode): string {
  const request = Object.entries(modeRequest(part))
    .map(([field, value]) => `${field}: ${value}`)
    .join(', ');
  return `ros2 service call ${inNamespace({ namespace }, 'set_operating_modes')} interbotix_xs_msgs/srv/OperatingModes "{${request}}"`;
}

/** Why a part must not be commanded, and how that is mended. */
export interface ModeFault {
  fault: string;
  advice: string;
}

/** What is wrong with a part's mode; undefined where it takes angles. */
export function modeFault(found: OperatingMode): ModeFault | undefined {
  const { namespace, part, mode } = found;
  if (ANGLE_MODES.includes(mode)) return undefined;
  const { cmd_type: kind, name, mode: right } = PARTS[part];
  if (mode === '')
    return {
      fault: `/${namespace}: its driver knows no ${kind} named ${name}`,
      advice: 'correct its motor configuration, or the namespace in the calibration',
    };
  const orNode =
    part === 'gripper' ? " (or let the policy's node do it: set_gripper_mode: true)" : '';
  return {
    fault: `/${namespace}: its ${part} is in the mode ${mode}, which does not take angles in rad`,
    advice: `set ${right}${orNode}: ${settingCommand(found)}`,
  };
}

/** A fault in a line. */
export const describeModeFault = ({ fault, advice }: ModeFault): string => `${fault}; ${advice}`;

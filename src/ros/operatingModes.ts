import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UserError } from '../errors.ts';
import type { Arm } from '../robot/calibration.ts';
import { inNamespace } from '../robot/driverTopics.ts';
import {
  type OperatingMode,
  PARTS,
  describeModeFault,
  modeFault,
  modeRequest,
} from '../robot/operatingModes.ts';
import type { RosNode } from './rclnodejs.ts';
import { ServiceAbsent, callService } from './serviceCall.ts';

/** Milliseconds in which a driver that runs has shown its services. */
const DISCOVERY = 1000;
/** Milliseconds in which a driver answers, which writes to its motors before it does. */
const PATIENCE = 5000;

/** Whether the messages of Interbotix' drivers are in the ROS 2 that is sourced. */
export const hasInterbotixMessages = (env: NodeJS.ProcessEnv = process.env): boolean =>
  (env.AMENT_PREFIX_PATH ?? '')
    .split(delimiter)
    .some((prefix) => existsSync(join(prefix, 'share/interbotix_xs_msgs')));

const PARTS_OF_ARM = Object.keys(PARTS) as OperatingMode['part'][];

async function askMode(
  node: RosNode,
  namespace: string,
  part: OperatingMode['part'],
  signal?: AbortSignal,
): Promise<OperatingMode> {
  const { cmd_type, name } = PARTS[part];
  const { mode } = await callService(node, {
    type: 'interbotix_xs_msgs/srv/RobotInfo',
    name: inNamespace({ namespace }, 'get_robot_info'),
    request: { cmd_type, name },
    appears: DISCOVERY,
    answers: PATIENCE,
    signal,
  });
  return { namespace, part, mode: String(mode) };
}

/**
 * The modes of each arm and its gripper, asked of Interbotix' drivers; empty for an arm whose driver does not
 * say. Throws a `UserError` where a driver that offers to tell does not answer.
 */
export async function askModes(
  node: RosNode,
  arms: readonly Pick<Arm, 'namespace'>[],
  signal?: AbortSignal,
): Promise<OperatingMode[]> {
  const modes = arms.map(async ({ namespace }) => {
    try {
      const known: OperatingMode[] = [];
      for (const part of PARTS_OF_ARM) known.push(await askMode(node, namespace, part, signal));
      return known;
    } catch (error) {
      if (error instanceof ServiceAbsent) return [];
      throw error;
    }
  });
  return (await Promise.all(modes)).flat();
}

async function setMode(
  node: RosNode,
  { namespace, part }: OperatingMode,
  signal?: AbortSignal,
): Promise<OperatingMode> {
  await callService(node, {
    type: 'interbotix_xs_msgs/srv/OperatingModes',
    name: inNamespace({ namespace }, 'set_operating_modes'),
    request: modeRequest(part),
    appears: DISCOVERY,
    answers: PATIENCE,
    signal,
  });
  return askMode(node, namespace, part, signal);
}

export interface ModeCheck {
  /** Whether a gripper in another mode may be set to the one that takes angles. */
  setGripper: boolean;
  warn: (text: string) => void;
  signal?: AbortSignal;
}

/**
 * Makes sure that each arm and gripper takes angles, as far as its driver says. Throws a `UserError` with the
 * command that sets each mode otherwise.
 */
export async function ensureModes(
  node: RosNode,
  arms: readonly Pick<Arm, 'namespace'>[],
  { setGripper, warn, signal }: ModeCheck,
): Promise<void> {
  const modes = hasInterbotixMessages() ? await askModes(node, arms, signal) : [];
  for (const { namespace } of arms)
    if (!modes.some((known) => known.namespace === namespace))
      warn(
        `/${namespace}: its driver does not say what its commands mean (no service get_robot_info); they are sent as angles in rad`,
      );
  const faults: { namespace: string; fault: string }[] = [];
  for (const found of modes) {
    const fault = modeFault(found);
    if (!fault) continue;
    if (!setGripper || found.part !== 'gripper' || found.mode === '')
      faults.push({ namespace: found.namespace, fault: describeModeFault(fault) });
    else {
      const { namespace, mode } = await setMode(node, found, signal);
      if (modeFault({ ...found, mode }))
        faults.push({ namespace, fault: `/${namespace}: its gripper stays in the mode ${mode} although asked to leave it; see what its driver says` }); // prettier-ignore
      else warn(`/${namespace}: its gripper was in the mode ${found.mode}; it is now in ${mode}`);
    }
  }
  if (faults.length > 0)
    throw new UserError(faults.map(({ fault }) => fault).join('\n'), {
      kind: 'mismatch',
      fields: faults.map(({ namespace }) => `/${namespace}`),
    });
}

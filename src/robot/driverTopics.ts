import type { Arm, CommandRoute } from './calibration.ts';

/** A name in an arm's namespace, from the root. */
export const inNamespace = ({ namespace }: Pick<Arm, 'namespace'>, name: string): string =>
  namespace === '' ? `/${name}` : `/${namespace}/${name}`;

/** Topic of an arm's joint states. */
export const statesTopic = (arm: Pick<Arm, 'namespace' | 'states'>): string =>
  arm.states ?? inNamespace(arm, 'joint_states');

/** The topics of an arm's driver that commands go to, where its calibration names none. */
export const commandTopics = (namespace: string) => ({
  group: inNamespace({ namespace }, 'commands/joint_group'),
  single: inNamespace({ namespace }, 'commands/joint_single'),
  trajectory: inNamespace({ namespace }, 'joint_trajectory_controller/joint_trajectory'),
  position: inNamespace({ namespace }, 'forward_position_controller/commands'),
});

/** The topic of each kind of command among them; Interbotix' grippers have one of their own beside it. */
const USUAL = { interbotix: 'group', trajectory: 'trajectory', position: 'position' } as const;

/** The topic that the commands of an arm, or of its gripper, go to. */
export const commandTopic = (
  { namespace }: Pick<Arm, 'namespace'>,
  { kind, topic }: CommandRoute,
): string => topic ?? commandTopics(namespace)[USUAL[kind]];

/** All topics of an arm's driver that are known. */
export const driverTopics = (arm: Arm): string[] => [
  statesTopic(arm),
  ...Object.values(commandTopics(arm.namespace)),
  ...[arm.command, arm.gripper?.command].flatMap((route) => route?.topic ?? []),
];

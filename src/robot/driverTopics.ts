/** The topics of an arm's driver that commands go to. */
export const commandTopics = (namespace: string) => ({
  group: `/${namespace}/commands/joint_group`,
  single: `/${namespace}/commands/joint_single`,
  trajectory: `/${namespace}/joint_trajectory_controller/joint_trajectory`,
});

/** The topic on which an arm's driver reports its joints. */
export const stateTopic = (namespace: string): string => `/${namespace}/joint_states`;

/** All topics of an arm's driver that Nalu knows. */
export const driverTopics = (namespace: string): Record<string, string> => ({
  ...commandTopics(namespace),
  states: stateTopic(namespace),
});

/** The simulated tasks, the default one first. */
export const SIM_TASK_NAMES = ['transfer-cube', 'insertion'] as const;

export type SimTaskName = (typeof SIM_TASK_NAMES)[number];

export const [DEFAULT_TASK] = SIM_TASK_NAMES;

/** The simulated tasks, the default one first. */
export const SIM_TASK_NAMES = ['transfer-cube', 'insertion'] as const;

export type SimTaskName = (typeof SIM_TASK_NAMES)[number];

export const [DEFAULT_TASK] = SIM_TASK_NAMES;

/** The simulated task that was asked for, or else the first that a policy was trained for, if it was for any. */
export const simTaskFor = (
  asked: SimTaskName | undefined,
  trained: Readonly<Record<string, string>> = {},
): SimTaskName => asked ?? SIM_TASK_NAMES.find((name) => name in trained) ?? DEFAULT_TASK;

/** The text of a prompt behind the begin token. */
export const promptText = (task: string): string =>
  `In: What action should the robot take to ${task.trim().toLowerCase()}?\nOut:`;

/** The token of a lone space, which the reference writes behind a prompt that does not end with it. */
export const EMPTY = '▁';

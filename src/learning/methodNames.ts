/** The ways to improve a policy from its own attempts, the default one first; see methods.ts. */
export const METHOD_NAMES = [
  'fpo',
  'flow-ppo',
  'in-sample',
  'fpo-replay',
  'preference',
  'filtered',
  'choice',
  'edits',
  'steer',
  'view',
  'offset',
  'ticket',
  'ppo',
  'grpo',
] as const;

export type MethodName = (typeof METHOD_NAMES)[number];

export const [DEFAULT_METHOD] = METHOD_NAMES;

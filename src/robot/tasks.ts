import { z } from 'zod';

/** Tasks by their names, in words: the prompts that policies read. */
export const tasksSchema = z.record(z.string().min(1), z.string().min(1));
export type Tasks = z.infer<typeof tasksSchema>;

/** Says that a policy was trained for other tasks; undefined for one that was trained for it, or does not say. */
export function untrainedFor(trained: Tasks | undefined, prompt: string): string | undefined {
  const prompts = Object.values(trained ?? {});
  if (prompts.length === 0 || prompts.includes(prompt)) return undefined;
  const known = prompts.map((one) => `"${one}"`).join(', ');
  return `the policy was trained for ${known}, and is asked for "${prompt}"`;
}

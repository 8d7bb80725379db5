import { UserError } from '../errors.ts';
import type { Calibration } from './calibration.ts';
import type { Tasks } from './tasks.ts';

/** What a robot is to do, by name and in words. */
export interface NamedTask {
  name: string;
  prompt: string;
}

/** What a person asks a robot to do. */
export interface TaskChoice {
  /** Name of one of the calibration's tasks, or of another one that `prompt` describes. */
  task?: string;
  /** In the place of the calibration's prompt. */
  prompt?: string;
}

/** A name for a task that has none: `hand-it-over` for `Hand it over`. */
const nameFor = (prompt: string): string =>
  prompt
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '') || 'task';

/**
 * The task of a real robot: with its own prompt, or with the one that the calibration in `source` has for it; the first
 * of the calibration's tasks where nothing is chosen, or the first that its policy was trained for where that says so.
 * Throws a `UserError` where that leaves no prompt.
 */
export function taskOf(
  { tasks = {} }: Pick<Calibration, 'tasks'>,
  { task, prompt }: TaskChoice,
  source: string,
  trained: Tasks = {},
): NamedTask {
  const known = Object.entries(tasks);
  const prompts = Object.values(trained);
  if (prompt) {
    const named = known.find(([, words]) => words === prompt);
    return { name: task || (named?.[0] ?? nameFor(prompt)), prompt };
  }
  const found = task
    ? known.find(([name]) => name === task)
    : (known.find(([, words]) => prompts.includes(words)) ??
      Object.entries(trained)[0] ??
      known[0]);
  if (found) return { name: found[0], prompt: found[1] };
  const names = known.map(([name]) => name).join(', ');
  throw new UserError(
    task
      ? `${source}: has no task ${task}; ${names ? `there are ${names}` : 'it has no tasks'}. Give its prompt, or add it to tasks there`
      : `${source}: has no tasks; give a prompt, or add tasks there`,
    { kind: 'missing', subject: source, fields: ['tasks'] },
  );
}

import { join } from 'node:path';
import { z } from 'zod';
import { isThere } from '../../files/isThere.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import { readJson, validate } from '../../validate.ts';

const planSchema = z.object({
  rest: z.string(),
  robots: z.record(z.string(), z.string()),
});

/** Which version each robot is to play, by its name; those that are not named play the `rest`. */
export type Plan = z.infer<typeof planSchema>;

const fileIn = (folder: string) => join(folder, 'plan.json');

/** The plan in a folder of adapters; undefined where there is none. Throws a `UserError`. */
export async function readPlan(folder: string): Promise<Plan | undefined> {
  const path = fileIn(folder);
  return (await isThere(path)) ? validate(planSchema, await readJson(path), path) : undefined;
}

export const writePlan = (folder: string, plan: Plan): Promise<void> =>
  writeWhole(fileIn(folder), `${JSON.stringify(plan)}\n`);

import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../../errors.ts';
import { isThere } from '../../../../files/isThere.ts';
import { readPythonJson, validate } from '../../../../validate.ts';
import type { Checkpoint } from '../../../checkpoints/checkpoint.ts';
import type { ImportOptions } from '../../../checkpoints/options.ts';

const numbers = z.array(z.number()).nonempty();

const actionSchema = z
  .looseObject({ q01: numbers, q99: numbers, mask: z.array(z.boolean()).optional() })
  .refine(({ q01, q99 }) => q01.length === q99.length, 'q01 and q99 differ in length')
  .refine(({ q01, mask }) => !mask || mask.length === q01.length, 'mask and q01 differ in length');

/** Statistics of the actions of several data sets, by the names of these. */
const statisticsSchema = z.record(z.string(), z.looseObject({ action: actionSchema }));

/** Statistics of the actions of a data set. */
export interface ActionStatistics {
  dataset: string;
  /** What they were read from. */
  source: string;
  /** What −1 and 1 stand for, where `mask` is true; other numbers stay as they are. */
  low: number[];
  high: number[];
  mask: boolean[];
}

/** What training on a data set of one's own leaves beside the weights. */
const FILE = 'dataset_statistics.json';

type Found = Map<string, { source: string; action: z.infer<typeof actionSchema> }>;

/** All statistics of a checkpoint, or of a file that is given instead. */
async function findAll({ folder, config, configPath }: Checkpoint, given?: string): Promise<Found> {
  const own = join(folder, FILE);
  const files = given !== undefined ? [given] : (await isThere(own)) ? [own] : [];
  const read = await Promise.all(
    files.map(async (source) => ({ source, content: await readPythonJson(source) })),
  );
  const inside =
    given === undefined ? [{ source: configPath, content: config.norm_stats ?? {} }] : [];
  return new Map(
    [...inside, ...read].flatMap(({ source, content }) =>
      Object.entries(validate(statisticsSchema, content, source)).map(
        ([dataset, { action }]) => [dataset, { source, action }] as const,
      ),
    ),
  );
}

/** Throws the `UserError` for a data set that nobody named, or that there are no statistics of. */
function refuse({ folder }: Checkpoint, found: Found, dataset?: string): never {
  const fault = { kind: 'missing', subject: '--dataset', fields: ['norm_stats'] } as const;
  if (found.size === 0)
    throw new UserError(
      `${folder} has no statistics of actions: neither norm_stats in config.json nor ${FILE}; give the file by --stats`,
      fault,
    );
  throw new UserError(
    `${dataset === undefined ? `${folder} has statistics of several data sets; say by --dataset which the robot's actions are like` : `--dataset ${dataset}: ${folder} has no statistics of it`}. There are: ${[...found.keys()].join(', ')}`,
    fault,
  );
}

/** The statistics of the data set that is asked for, or of the only one. Throws a `UserError` where there are none. */
export async function actionStatistics(
  checkpoint: Checkpoint,
  { stats, dataset }: Pick<ImportOptions, 'stats' | 'dataset'>,
): Promise<ActionStatistics> {
  const found = await findAll(checkpoint, stats);
  const [only, ...others] = found.keys();
  const name = dataset ?? (others.length === 0 ? only : undefined);
  const chosen = name === undefined ? undefined : found.get(name);
  if (name === undefined || !chosen) return refuse(checkpoint, found, dataset);
  const { source, action } = chosen;
  const { q01: low, q99: high, mask = low.map(() => true) } = action;
  const wrong = low.findIndex((value, i) => value > high[i]);
  if (wrong >= 0)
    throw new UserError(
      `${source}: ${name}: q01 of action number ${wrong} is ${low[wrong]}, above q99 (${high[wrong]}); give the statistics that the policy was trained with (--stats)`,
      { kind: 'invalid', subject: source, fields: [`${name}.action.q01`] },
    );
  return { dataset: name, source, low, high, mask };
}

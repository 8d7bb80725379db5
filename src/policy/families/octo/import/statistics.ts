import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../../errors.ts';
import { isThere } from '../../../../files/isThere.ts';
import { readPythonJson, validate } from '../../../../validate.ts';
import type { Choice } from '../../../checkpoints/choice.ts';
import type { TransformConfig } from '../../../vectors/transform.ts';

const STATISTICS_FILE = 'dataset_statistics.json';

const numbers = z.array(z.number());

/** Statistics of a data set's actions. */
const momentsSchema = z.looseObject({
  mean: numbers.nonempty(),
  std: numbers,
  p01: numbers.optional(),
  p99: numbers.optional(),
  /** Which numbers are normalised; all where absent. */
  mask: z.array(z.boolean()).optional(),
});

export type OctoMoments = z.infer<typeof momentsSchema>;

const dataSetSchema = z.looseObject({ action: momentsSchema });
/** Of one data set, or of several by name. */
const fileSchema = z.union([
  dataSetSchema.transform((one) => ({ one, named: undefined })),
  z.record(z.string(), dataSetSchema).transform((named) => ({ one: undefined, named })),
]);

/** Statistics of the actions of a data set, and where they were read. */
export interface OctoStatistics {
  moments: OctoMoments;
  source: string;
}

/**
 * The statistics of a data set: of a file, else of dataset_statistics.json beside the weights. Throws a `UserError`
 * with the names of the data sets that there are where the one asked for is not among them, or none is.
 */
export async function readOctoStatistics(
  folder: string,
  file?: string,
  dataSet?: string,
): Promise<OctoStatistics> {
  const path = file ?? join(folder, STATISTICS_FILE);
  if (file === undefined && !(await isThere(path)))
    throw new UserError(
      `${path} is not there. Fetch it beside the weights, or give statistics of the robot's actions with --stats FILE`,
      { kind: 'missing', subject: path },
    );
  const json = await readPythonJson(path);
  const { one, named = {} } = validate(fileSchema, json, path);
  if (one) {
    if (dataSet !== undefined)
      throw new UserError(
        `${path} holds the statistics of one data set, which has no name there; leave --dataset out`,
        { kind: 'mismatch', subject: path, fields: ['--dataset'] },
      );
    return { moments: checked(one.action, path), source: path };
  }
  const names = Object.keys(named);
  const chosen = dataSet ?? (names.length === 1 ? names[0] : undefined);
  if (chosen === undefined || !Object.hasOwn(named, chosen))
    throw new UserError(
      `${path} has ${chosen === undefined ? 'statistics of several data sets' : `no statistics of ${chosen}`}; say --dataset with one of ${names.join(', ')}`,
      { kind: 'missing', subject: path, fields: ['--dataset'] },
    );
  return { moments: checked(named[chosen].action, `${path}: ${chosen}`), source: `${path}: ${chosen}` }; // prettier-ignore
}

/** Throws a `UserError` for statistics of different lengths. */
function checked(moments: OctoMoments, source: string): OctoMoments {
  const { mean } = moments;
  for (const name of ['std', 'p01', 'p99', 'mask'] as const)
    if (moments[name] && moments[name].length !== mean.length)
      throw new UserError(
        `${source}: action.${name} has ${moments[name].length} numbers, action.mean ${mean.length}; take the file that the policy was trained with`,
        { kind: 'invalid', subject: source, fields: [`action.${name}`] },
      );
  return moments;
}

/** How Octo normalises actions: by mean and standard deviation, or by their middle 98 %. */
const normalisationSchema = z.enum(['normal', 'bounds']);
export type OctoNormalisation = z.infer<typeof normalisationSchema>;

const FIELD = 'action_proprio_normalization_type';

/** The values of a field, wherever it stands. */
const valuesOf = (json: unknown, field: string): unknown[] =>
  typeof json === 'object' && json !== null
    ? Object.entries(json).flatMap(([key, value]) =>
        key === field ? [value as unknown] : valuesOf(value, field),
      )
    : [];

/** How a config.json says that actions are normalised, and who says so. Throws a `UserError` for what Nalu does not know. */
export function normalisationIn(json: unknown, path: string): Choice<OctoNormalisation> {
  const [said] = valuesOf(json, FIELD);
  return said === undefined || said === null
    ? { value: 'normal', by: "Octo's default" }
    : {
        value: validate(normalisationSchema, said, `${path}: ${FIELD}`),
        by: `${FIELD} in ${path}`,
      };
}

/** The step that normalises actions, for a state of so many numbers, which Octo does not read. Throws a `UserError`. */
export function normalisationOf(
  { moments, source }: OctoStatistics,
  type: OctoNormalisation,
  state: number,
): TransformConfig {
  const { mean, std, p01, p99, mask = mean.map(() => true) } = moments;
  if (type === 'normal') return { type: 'actionMoments', state, actions: { mean, std, mask } };
  if (!p01 || !p99)
    throw new UserError(
      `${source}: there is no action.${p01 ? 'p99' : 'p01'}, and the policy's actions are normalised by it; take the file that the policy was trained with`,
      { kind: 'missing', subject: source, fields: [`action.${p01 ? 'p99' : 'p01'}`] },
    );
  return { type: 'bounds', state, actions: { low: p01, high: p99, mask } };
}

import { join } from 'node:path';
import { z } from 'zod';
import { invalid } from '../../errors.ts';
import { readPythonJson, validate } from '../../validate.ts';
import type { Feature } from './features.ts';
import { ACTION, STATE, V3_FILES } from './layout.ts';

const feature = z.looseObject({
  dtype: z.string(),
  shape: z.array(z.number().int()),
  names: z.unknown(),
});

const schema = z.looseObject({
  codebase_version: z
    .string()
    .regex(/^v(2\.1|3\.\d+)$/, 'a data set of version 2.1 or 3 can be read, no other'),
  fps: z.number().positive(),
  total_episodes: z.number().int().positive(),
  data_path: z.string(),
  video_path: z.string().nullish(),
  chunks_size: z.number().int().positive().default(1000),
  robot_type: z.string().nullish(),
  features: z.record(z.string(), feature),
});

export type DatasetInfo = z.infer<typeof schema>;

/** The path of a data set's info.json, whichever version it is. */
export const infoPath = (folder: string) => join(folder, V3_FILES.info);

/** Reads and checks info.json. */
export async function readInfo(folder: string): Promise<DatasetInfo> {
  const path = infoPath(folder);
  const info = validate(schema, await readPythonJson(path), path);
  const { features } = info;
  for (const name of [STATE, ACTION]) {
    const found = features[name] as Feature | undefined;
    if (!found) throw invalid(path, `features: ${name} is lacking`);
    if (found.shape.length !== 1)
      throw invalid(path, `features.${name}.shape must be one number, the joints`);
  }
  const [joints, actions] = [STATE, ACTION].map((name) => features[name].shape[0]);
  if (joints !== actions)
    throw invalid(
      path,
      `features.${ACTION}.shape is [${actions}], ${STATE} has [${joints}]; Nalu takes actions as targets of the joints`,
    );
  return info;
}

/** The names in a feature, which may be in a list or in an object by kind. */
export function namesOf({ names, shape }: Feature): string[] | undefined {
  const list = Array.isArray(names)
    ? names
    : typeof names === 'object' && names !== null
      ? Object.values(names).flat()
      : [];
  const texts = list.filter((name): name is string => typeof name === 'string');
  // Names that only count say nothing.
  const tells = texts.length === shape[0] && !texts.every((name, i) => name.endsWith(`_${i}`));
  return tells ? texts : undefined;
}

/** Pixels of a feature of pictures; undefined if it has no three channels. */
export function sizeOf({ shape, names }: Feature): { width: number; height: number } | undefined {
  if (shape.length !== 3) return undefined;
  const isFirst = Array.isArray(names) ? /^channels?$/.test(String(names[0])) : shape[2] !== 3;
  const [channels, height, width] = isFirst ? shape : [shape[2], shape[0], shape[1]];
  return channels === 3 ? { width, height } : undefined;
}

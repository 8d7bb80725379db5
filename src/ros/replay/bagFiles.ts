import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError, messageOf } from '../../errors.ts';

const description = z.object({
  rosbag2_bagfile_information: z.object({ relative_file_paths: z.array(z.string()) }),
});

/** What is no MCAP file but may be a bag, and what to do about it. */
const OTHERS: [RegExp, string][] = [
  [/\.db3(\.zstd)?$/, 'is a bag in SQLite: ros2 bag convert makes one in MCAP of it'],
  [/\.mcap\.zstd$/, 'is compressed as a whole: unpack it with zstd -d'],
];

const inNumberOrder = new Intl.Collator('en', { numeric: true }).compare;

async function describedFiles(folder: string): Promise<string[]> {
  try {
    const text = await readFile(join(folder, 'metadata.yaml'), 'utf8');
    return description.parse(parse(text)).rosbag2_bagfile_information.relative_file_paths;
  } catch {
    return [];
  }
}

/** The files of a bag's folder, in the order in which its metadata.yaml names them, or by their names. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const described = await describedFiles(folder);
  const whole = described.length > 0 && described.every((name) => names.includes(name));
  const mcap = names.filter((name) => name.endsWith('.mcap')).sort(inNumberOrder);
  const others = names.filter((name) => OTHERS.some(([pattern]) => pattern.test(name)));
  const files = whole ? described : mcap.length > 0 ? mcap : others;
  return files.map((name) => join(folder, name));
}

/**
 * The MCAP files of a bag, in their order: the file given, or those of the folder that `ros2 bag record`
 * makes. Throws a `UserError` for a bag of another kind.
 */
export async function bagFiles(path: string): Promise<string[]> {
  const given = await stat(path).catch((error: unknown) => {
    throw new UserError(`${path}: cannot be read as a bag: ${messageOf(error)}`, { cause: error });
  });
  const files = given.isDirectory() ? await filesIn(path) : [path];
  if (files.length === 0)
    throw new UserError(
      `${path}: no MCAP file in this folder; give a bag of ros2 bag record --storage mcap`,
    );
  for (const file of files)
    for (const [pattern, what] of OTHERS)
      if (pattern.test(file)) throw new UserError(`${file} ${what}`);
  return files;
}

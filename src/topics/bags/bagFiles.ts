import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError, invalid, messageOf } from '../../errors.ts';

const description = z.object({
  rosbag2_bagfile_information: z.object({
    relative_file_paths: z.array(z.string()),
    compression_mode: z.string().default(''),
  }),
});

/** Files of bags that can be read, and those that must be unpacked first. */
const STORAGE = /\.(mcap|db3)$/;
const PACKED = /\.(mcap|db3)\.zstd$/;

/** Whether a file is of a bag, by its name. */
export const isBagFile = (name: string): boolean => STORAGE.test(name) || PACKED.test(name);

const inNumberOrder = new Intl.Collator('en', { numeric: true }).compare;

/** Sorts names by the numbers in them. */
export const byNumber = (names: readonly string[]): string[] => [...names].sort(inNumberOrder);

type Described = z.infer<typeof description>['rosbag2_bagfile_information'];

/** What the metadata.yaml in a bag's folder says; undefined without a readable one. */
async function descriptionIn(folder: string): Promise<Described | undefined> {
  try {
    const text = await readFile(join(folder, 'metadata.yaml'), 'utf8');
    return description.parse(parse(text)).rosbag2_bagfile_information;
  } catch {
    return undefined;
  }
}

/** Whether a folder has the metadata.yaml of a bag. */
export const isDescribed = async (folder: string): Promise<boolean> =>
  (await descriptionIn(folder)) !== undefined;

/** The files of a bag's folder, in the order in which its metadata.yaml names them, or by their names. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const described = await descriptionIn(folder);
  if (described?.compression_mode.toLowerCase() === 'message')
    throw invalid(
      folder,
      'its messages are compressed one by one, which is not read; ros2 bag convert makes a bag of it that is not',
    );
  const files = described?.relative_file_paths ?? [];
  if (files.length > 0 && files.every((name) => names.includes(name)))
    return files.map((name) => join(folder, name));
  const ofKind = (ending: RegExp) => byNumber(names.filter((name) => ending.test(name)));
  const found = [/\.mcap$/, /\.db3$/, PACKED].map(ofKind).find((kind) => kind.length > 0) ?? [];
  return found.map((name) => join(folder, name));
}

/**
 * The files of a bag, in their order: the file given, or those of the folder that `ros2 bag record` makes. Throws a
 * `UserError` for a bag that cannot be read.
 */
export async function bagFiles(path: string): Promise<string[]> {
  const given = await stat(path).catch((error: unknown) => {
    throw new UserError(`${path}: cannot be read as a bag: ${messageOf(error)}`, {
      cause: error,
      subject: path,
    });
  });
  const files = given.isDirectory() ? await filesIn(path) : [path];
  if (files.length === 0)
    throw invalid(path, 'no MCAP or SQLite file in this folder; give a bag of ros2 bag record'); // prettier-ignore
  for (const file of files)
    if (PACKED.test(file))
      throw new UserError(`${file} is compressed as a whole: unpack it with zstd -d`, {
        kind: 'unsupported',
        subject: file,
      });
  return files;
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../errors.ts';
import type { MjModel, Mujoco } from './mujoco.ts';

/** The MJCF at `file` and every file that it names, by path relative to the scene's folder. */
async function collect(file: string, folder: string, files: Map<string, Uint8Array>) {
  const name = path.relative(folder, file);
  if (files.has(name)) return;
  const bytes = await readFile(file);
  files.set(name, bytes);
  if (path.extname(file) !== '.xml') return;
  const xml = bytes.toString('utf8');
  const directory = (attribute: string) =>
    new RegExp(`\\b${attribute}\\s*=\\s*"([^"]*)"`).exec(xml)?.[1];
  const assets = directory('assetdir') ?? '';
  const places = ['', directory('meshdir') ?? assets, directory('texturedir') ?? assets];
  for (const [, reference] of xml.matchAll(/\bfile\s*=\s*"([^"]+)"/g)) {
    const candidates = places.map((place) => path.resolve(path.dirname(file), place, reference));
    const found = await firstReadable([...candidates, path.resolve(folder, reference)]);
    if (!found)
      throw new UserError(
        `Scene ${file} names "${reference}", which is in none of ${[...new Set(candidates)].join(', ')}. Put it there or mend the MJCF.`,
      );
    await collect(found, folder, files);
  }
}

async function firstReadable(candidates: string[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    const readable = await readFile(candidate).then(
      () => true,
      () => false,
    );
    if (readable) return candidate;
  }
  return undefined;
}

/** Loads an MJCF by path, with its includes, meshes and textures, into MuJoCo's own file system. */
export async function loadScene(mujoco: Mujoco, file: string): Promise<MjModel> {
  const scene = path.resolve(file);
  const folder = path.dirname(scene);
  const files = new Map<string, Uint8Array>();
  try {
    await collect(scene, folder, files);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Scene ${file} cannot be read: ${String(error)}`);
  }
  const vfs = new mujoco.MjVFS();
  try {
    for (const [name, bytes] of files) vfs.addBuffer(name, bytes);
    return mujoco.MjModel.from_xml_path(path.relative(folder, scene), vfs);
  } catch (error) {
    throw new UserError(`Scene ${file} is not an MJCF that MuJoCo loads: ${String(error)}`);
  } finally {
    vfs.delete();
  }
}

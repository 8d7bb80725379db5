import { stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, UserError } from '../errors.ts';
import { type HostFiles, mountHostFiles } from './hostFiles.ts';
import type { MjModel, Mujoco } from './mujoco.ts';
import { reasonOf } from '../systemErrors.ts';

/** The engine's words on a scene that it did not load, in one line, and the files that it lacked. */
function problemOf(error: unknown, host: HostFiles): string {
  const { missing, refused } = host;
  const said = host
    .hostText(messageOf(error))
    .replace(/^MuJoCo Error: (Loading error: )?/, '')
    .trim()
    .replace(/\s*\n\s*/g, '; ');
  const notThere = missing.size > 0 ? [`there is no ${[...missing].join(', no ')}`] : [];
  return [said, ...refused, ...notThere].join('; ');
}

/**
 * Loads an MJCF by path. MuJoCo itself reads the file and all that it names, its includes, meshes and
 * textures, by its own rules of where they lie.
 */
export async function loadScene(mujoco: Mujoco, file: string): Promise<MjModel> {
  const scene = path.resolve(file);
  const stats = await stat(scene).catch((error: unknown) => {
    throw new UserError(`Scene ${file} cannot be read: ${reasonOf(error)}`);
  });
  if (!stats.isFile()) throw new UserError(`Scene ${file} is not a file; name an MJCF.`);
  const host = mountHostFiles(mujoco, path.parse(scene).root);
  try {
    return mujoco.MjModel.from_xml_path(host.enginePath(scene));
  } catch (error) {
    throw new UserError(
      `Scene ${file} is not an MJCF that MuJoCo loads: ${problemOf(error, host)}`,
    );
  } finally {
    host.unmount();
  }
}

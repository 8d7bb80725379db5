import { stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, UserError } from '../errors.ts';
import { type HostFiles, mountHostFiles } from './hostFiles.ts';
import type { MjModel, Mujoco } from './mujoco.ts';
import { reasonOf } from '../systemErrors.ts';

/** The engine's error about a scene that it could not load, in one line, and the missing files. */
function problemOf(error: unknown, host: HostFiles): string {
  const { missing, refused } = host;
  const message = host
    .hostText(messageOf(error))
    .replace(/^MuJoCo Error: (Loading error: )?/, '')
    .trim()
    .replace(/\s*\n\s*/g, '; ');
  const notThere = missing.size > 0 ? [`there is no ${[...missing].join(', no ')}`] : [];
  return [message, ...refused, ...notThere].join('; ');
}

/**
 * Loads an MJCF by path. MuJoCo itself reads the file and its includes, meshes and textures, with its own rules for
 * their paths.
 */
export async function loadScene(mujoco: Mujoco, file: string): Promise<MjModel> {
  const scene = path.resolve(file);
  const stats = await stat(scene).catch((error: unknown) => {
    throw new UserError(`Scene ${file} cannot be read: ${reasonOf(error)}`, {
      kind: 'missing',
      subject: file,
    });
  });
  if (!stats.isFile())
    throw new UserError(`Scene ${file} is not a file; name an MJCF.`, {
      kind: 'invalid',
      subject: file,
    });
  const host = mountHostFiles(mujoco, path.parse(scene).root);
  try {
    return mujoco.MjModel.from_xml_path(host.enginePath(scene));
  } catch (error) {
    throw new UserError(
      `Scene ${file} is not an MJCF that MuJoCo loads: ${problemOf(error, host)}`,
      { kind: 'invalid', subject: file },
    );
  } finally {
    host.unmount();
  }
}

import { join, resolve } from 'node:path';
import { UserError } from '../../errors.ts';
import { type Digest, digest } from '../../files/digest.ts';
import { isThere } from '../../files/isThere.ts';
import { makeFolder } from '../../files/makeFolder.ts';
import type { Nats } from '../../nats/connect.ts';
import { fetchFile, putFile } from '../../nats/objects.ts';
import { ADAPTER_FILE, contentFiles, loadBundle } from '../../policy/bundle/bundle.ts';
import { readJson, validate } from '../../validate.ts';
import { writeWhole } from '../../files/writeWhole.ts';
import type { RolloutSettings } from '../rolloutWorker.ts';
import { type Setup, setupSchema } from './protocol.ts';

async function ownFile(path: string | undefined): Promise<Setup['scene']> {
  return path === undefined ? undefined : { path: resolve(path), content: await digest(path) };
}

/** The files of a policy's folder that its chunks depend on. */
async function policyFiles(folder: string): Promise<string[]> {
  const own = await isThere(join(folder, ADAPTER_FILE));
  return [...(await contentFiles(await loadBundle(folder))), ...(own ? [ADAPTER_FILE] : [])];
}

/** Objects by their SHA-256, and the files that they are made from. */
export type Held = Map<string, { path: string; content: Digest }>;

/** Puts files to the server, if they are not there or will soon be forgotten. */
export async function keepThere(nats: Nats, held: Held): Promise<void> {
  for (const { path, content } of held.values()) await putFile(nats, path, content);
}

/** Reads what a run's attempts need: the object that says so, whose file goes to `file`, and all that it names. */
export async function readSetup(
  { policy, scene, sceneMap, ...settings }: RolloutSettings,
  file: string,
): Promise<{ setup: Digest; held: Held }> {
  const held: Held = new Map();
  const hold = async (path: string) => {
    const content = await digest(path);
    held.set(content.sha256, { path, content });
    return content;
  };
  const files: Setup['files'] = {};
  for (const name of await policyFiles(policy)) files[name] = await hold(join(policy, name));
  const own = { scene: await ownFile(scene), sceneMap: await ownFile(sceneMap) };
  const setup = validate(setupSchema, { settings, ...own, files }, 'the run');
  await writeWhole(file, JSON.stringify(setup));
  return { setup: await hold(file), held };
}

/** The path of a file that a worker must have itself. Throws a `UserError` where it has none, or another one. */
async function demandOwnFile(own: Setup['scene'], what: string): Promise<string | undefined> {
  if (own === undefined) return undefined;
  const { path, content } = own;
  const found = await digest(path).catch(() => undefined);
  if (found?.sha256 === content.sha256) return path;
  throw new UserError(
    `${path}: this machine ${found ? `has another ${what} there` : `lacks this ${what}`}; copy it here from where the run was started`,
    { kind: found ? 'mismatch' : 'missing', subject: path },
  );
}

/** Fetches what attempts need into a folder, and gives the settings that they are made by. Throws a `UserError`. */
export async function fetchSetup(
  nats: Nats,
  content: Digest,
  folder: string,
): Promise<RolloutSettings> {
  await makeFolder(folder);
  const file = join(folder, 'setup.json');
  await fetchFile(nats, content, file, "the run's settings");
  const setup = validate(setupSchema, await readJson(file), "the run's settings");
  const scene = await demandOwnFile(setup.scene, 'scene');
  const sceneMap = await demandOwnFile(setup.sceneMap, "scene's mapping");
  const policy = join(folder, 'policy');
  for (const [name, object] of Object.entries(setup.files)) {
    await makeFolder(join(policy, name, '..'));
    await fetchFile(nats, object, join(policy, name), `the policy's ${name}`);
  }
  return { ...setup.settings, policy, scene, sceneMap };
}

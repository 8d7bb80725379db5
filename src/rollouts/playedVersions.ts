import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { isThere } from '../files/isThere.ts';
import { adaptedVersion, readAdapterHead } from '../policy/bundle/adapter.ts';
import { ADAPTER_FILE } from '../policy/bundle/bundleFiles.ts';
import type { Bundle } from '../policy/bundle/config.ts';
import { readAdapter } from '../policy/bundle/readAdapter.ts';
import type { Trainable } from '../policy/trainable.ts';
import type { WorkerPolicy } from '../policy/worker/workerPolicy.ts';

/** The versions of a policy that can be played, of which one is. */
export interface PlayedVersions {
  /** The bundle's own first, then the newest last, as chunks are recorded with them. */
  readonly all: readonly string[];
  readonly now: string;
  /** Plays a version from the next chunk on, also the one that plays: how long it takes tells nothing. Throws a `UserError` for one that is not there or does not fit. */
  play(version: string): Promise<void>;
}

/** Adapters in a folder, by the version that chunks are recorded with. */
export interface FoundAdapters {
  files: Map<string, string>;
  trainable: Trainable;
}

const SUFFIX = '.safetensors';

/** Where a learner's or an adaptation's folder has its versions; the folder itself where it is neither. */
async function placeOf(folder: string): Promise<string> {
  for (const within of ['learner/versions', 'versions'])
    if (await isThere(join(folder, within))) return join(folder, within);
  return folder;
}

/**
 * Finds the adapters of a bundle: in a folder of them, or in a learner's or an adaptation's folder. Throws a
 * `UserError` where there is none, and for one that is another policy's or adapts something else.
 */
export async function adaptersIn(folder: string, bundle: Bundle): Promise<FoundAdapters> {
  const place = await placeOf(folder);
  const names = await readdir(place).catch(() => [] as string[]);
  const found: { path: string; version: string; trainable: Trainable; at: number }[] = [];
  for (const name of names.filter((one) => one.endsWith(SUFFIX))) {
    const path = join(place, name);
    const { base, version, trainable } = await readAdapterHead(path);
    if (base !== bundle.base)
      throw new UserError(
        `${path}: an adapter of the policy ${base}, this one is ${bundle.base}; name a folder of its adapters`,
        { kind: 'mismatch', subject: path },
      );
    const { mtimeMs: at } = await stat(path);
    found.push({ path, version: adaptedVersion(base, { version }), trainable, at });
  }
  if (found.length === 0)
    throw new UserError(`${place}: there is no adapter in this folder`, {
      kind: 'missing',
      subject: place,
    });
  const trainable = bundle.trainable ?? found[0].trainable;
  const other = found.find((one) => JSON.stringify(one.trainable) !== JSON.stringify(trainable));
  if (other)
    throw new UserError(
      `${other.path}: adapts ${other.trainable.parameters} in another way than ${bundle.trainable ? "the bundle's own adapter" : found[0].path}; put such adapters into folders of their own`,
      { kind: 'mismatch', subject: other.path },
    );
  const inOrder = found.sort((a, b) => a.at - b.at);
  return { files: new Map(inOrder.map(({ version, path }) => [version, path])), trainable };
}

/** The one version of a policy whose versions cannot be exchanged. */
export const onlyVersion = (version: string): PlayedVersions => ({
  all: [version],
  now: version,
  play: () => Promise.resolve(),
});

/** The versions of a worker that was opened for these adapters. */
export function playedVersions(
  bundle: Bundle,
  worker: Pick<WorkerPolicy, 'adopt'>,
  { files, trainable }: FoundAdapters,
): PlayedVersions {
  const own = bundle.trainable && join(bundle.folder, ADAPTER_FILE);
  const all = [bundle.version, ...[...files.keys()].filter((one) => one !== bundle.version)];
  let now = bundle.version;
  return {
    all,
    get now() {
      return now;
    },
    async play(version) {
      if (!all.includes(version))
        throw new UserError(`there is no version ${version}; choose one of ${all.join(', ')}`, {
          kind: 'missing',
          fields: [version],
        });
      const file = version === bundle.version ? own : files.get(version);
      const adapter =
        file === undefined ? undefined : await readAdapter(file, { ...bundle, trainable });
      await worker.adopt(adapter);
      now = version;
    },
  };
}

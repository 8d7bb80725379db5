import { type Imported, importCheckpoint } from '../checkpoints/importPolicy.ts';
import type { CheckpointKind } from '../checkpoints/kind.ts';
import type { ImportOptions } from '../checkpoints/options.ts';
import { openVlaCheckpoints } from './openvla/import/kind.ts';
import { fastCheckpoints } from './pi0-fast/import/kind.ts';
import { findOcto, importOcto } from './octo/import/importOcto.ts';
import { pi0Checkpoints } from './pi0/import/kind.ts';

export type { Imported } from '../checkpoints/importPolicy.ts';
export type { ImportOptions } from '../checkpoints/options.ts';
export { importReport } from '../checkpoints/report.ts';

/** Readers of published checkpoints: of π0, π0.5 and π0-FAST, by lerobot and by openpi, and of OpenVLA. */
const KINDS = [pi0Checkpoints, fastCheckpoints, openVlaCheckpoints] as unknown as CheckpointKind[];

/** Makes a policy bundle of a published policy; see importCheckpoint, and importOcto. */
export async function importPolicy(path: string, options: ImportOptions): Promise<Imported> {
  const octo = await findOcto(path);
  return octo ? importOcto(octo, options) : importCheckpoint(KINDS, path, options);
}

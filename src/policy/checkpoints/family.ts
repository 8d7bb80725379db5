import { UserError } from '../../errors.ts';
import type { Checkpoint } from './checkpoint.ts';

/** The families whose policies Nalu runs. */
export type Family = 'pi0' | 'pi05' | 'pi0_fast' | 'openvla';

/** What families are told by: a tensor that only they have. The first that fits is taken. */
const TENSORS: [family: string, name: RegExp][] = [
  ['pi05', /gemma_expert\.model\.layers\.0\.input_layernorm\.dense\.weight$/],
  ['pi0', /gemma_expert\.model\.layers\.0\./],
  ['smolvla', /vlm_with_expert\./],
  ['diffusion', /^diffusion\.unet\./],
  ['act', /^model\.(vae_)?encoder\.layers\.|^model\.action_head\./],
  ['pi0fast', /(?:^|\.)pi0_paligemma\./],
  ['pi0_fast', /(?:^|\.)paligemma\./],
  ['openvla', /^vision_backbone\.(?:fused_)?featurizer\./],
];

const TITLES: Record<string, string> = {
  pi0: 'π0',
  pi05: 'π0.5',
  act: 'ACT',
  diffusion: 'diffusion policy',
  groot: 'GR00T',
  octo: 'Octo',
  pi0_fast: 'π0-FAST',
  pi0fast: 'π0-FAST of lerobot 0.1 to 0.3',
  smolvla: 'SmolVLA',
  openvla: 'OpenVLA',
};

const RUN: readonly string[] = ['pi0', 'pi05', 'pi0_fast', 'openvla'] satisfies Family[];

const isFamily = (name: string | undefined): name is Family => RUN.includes(name ?? '');

/** A family's name in messages. */
export const titleOf = (family: string): string => TITLES[family] ?? family;

/**
 * Which family a checkpoint is of, by its tensors and the `type` in its configuration. Throws a
 * `UserError` for one that Nalu does not run.
 */
export function familyOf({ folder, header, config, configPath }: Checkpoint): Family {
  const names = [...header.tensors.keys()];
  const byTensors = TENSORS.find(([, pattern]) => names.some((name) => pattern.test(name)))?.[0];
  const family = config.type ?? byTensors;
  if (family !== undefined && !isFamily(family))
    throw new UserError(
      `${folder} is a policy of the family ${titleOf(family)}; Nalu imports π0, π0.5 and π0-FAST, trained by openpi or lerobot, and OpenVLA`,
      { kind: 'unsupported', subject: folder },
    );
  if (!isFamily(byTensors))
    throw new UserError(
      `${folder}: its tensors are not those of a π0 or an OpenVLA (the first is ${names[0] ?? 'none at all'}); Nalu imports π0, π0.5 and π0-FAST, trained by openpi or lerobot, and OpenVLA`,
      { kind: 'unsupported', subject: folder },
    );
  if (config.type && byTensors !== config.type)
    throw new UserError(
      `${configPath} says ${config.type}, but the tensors beside it are those of ${byTensors}; take both from one checkpoint`,
      { kind: 'mismatch', subject: configPath, fields: ['type'] },
    );
  const memory = (['use_visual_memory', 'use_proprioceptive_memory'] as const).find(
    (field) => config[field],
  );
  if (memory)
    throw new UserError(
      `${configPath} says ${memory}: true; Nalu runs π0.5 without a memory of earlier observations`,
      { kind: 'unsupported', subject: configPath, fields: [memory] },
    );
  return byTensors;
}

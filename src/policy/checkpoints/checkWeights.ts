import { UserError, listed } from '../../errors.ts';
import { storedName, weightFault } from '../paligemma/weights.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Needed } from './neededTensors.ts';
import { isBuffer } from './unusedTensors.ts';

/**
 * Checks that a checkpoint holds the tensors of this policy, and no others that could matter. Throws a
 * `UserError` with all that are missing, misshapen or surplus.
 */
export function checkTensors(
  { folder, header, configPath }: Pick<Checkpoint, 'folder' | 'header' | 'configPath'>,
  { shapes, unused, title }: Needed,
): void {
  const wrong = [...shapes].flatMap(
    ([name, shape]) => weightFault(header, name, shape, 'the configuration') ?? [],
  );
  const used = new Set([...shapes.keys()].map((name) => storedName(header, name)));
  const surplus = [...header.tensors.keys()]
    .filter((name) => !used.has(name) && !isBuffer(name))
    .filter((name) => !unused.some((pattern) => pattern.test(name)))
    .map((name) => `${name} is none of this policy's tensors`);
  if (wrong.length + surplus.length === 0) return;
  const adapters = surplus.some((fault) => fault.includes('.lora_'))
    ? "\nMerge LoRA adapters into the weights before importing (PEFT's merge_and_unload)."
    : '';
  throw new UserError(
    `${folder} does not hold the tensors that ${configPath} and their shapes say this ${title} has:${wrong.length > 0 ? listed(wrong) : ''}${surplus.length > 0 ? listed(surplus) : ''}${adapters}`,
    { kind: 'mismatch', subject: folder },
  );
}

/** Throws a `UserError` for what openpi's conversion has made of a policy with LoRA, which older ones leave out. */
export function checkConverted({ config, configPath }: Checkpoint): void {
  const variant = [config.paligemma_variant, config.action_expert_variant].find((one) =>
    one?.endsWith('_lora'),
  );
  if (variant)
    throw new UserError(
      `${configPath} says ${variant}: openpi's conversion leaves LoRA adapters out, so that these weights lack what was trained. Add the adapters to the weights in JAX before converting, and say ${variant.replace(/_lora$/, '')} here`,
      { kind: 'unsupported', subject: configPath },
    );
}

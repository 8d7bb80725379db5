/** lerobot's name of a tensor is openpi's behind this. */
const LEROBOT_PREFIX = 'model.';

/**
 * openpi's names of modules, and what other checkpoints write: transformers has moved them, and lerobot
 * takes a π0's `time_mlp` for its `action_time_mlp`.
 */
const RENAMED: [string, string][] = [
  ['.paligemma.model.language_model.', '.paligemma.language_model.model.'],
  ['.paligemma.lm_head.', '.paligemma.language_model.lm_head.'],
  ['.paligemma.model.multi_modal_projector.', '.paligemma.multi_modal_projector.'],
  ['.paligemma.model.vision_tower.', '.paligemma.vision_tower.'],
  ['.vision_tower.vision_model.', '.vision_tower.'],
  ['action_time_mlp_', 'time_mlp_'],
];

export const EMBEDDINGS =
  'paligemma_with_expert.paligemma.model.language_model.embed_tokens.weight';
/** The same table under the name of the output layer: safetensors keeps one of two that share their memory. */
const TIED_EMBEDDINGS = 'paligemma_with_expert.paligemma.lm_head.weight';

function namesOf(name: string): string[] {
  const names = RENAMED.reduce(
    (known, [openpi, other]) => [
      ...known,
      ...known.filter((one) => one.includes(openpi)).map((one) => one.replace(openpi, other)),
    ],
    [name],
  );
  return names.flatMap((one) => [one, LEROBOT_PREFIX + one]);
}

/** The names under which checkpoints store a tensor that openpi calls `name`, the one to prefer first. */
export const storedNames = (name: string): string[] =>
  name === EMBEDDINGS ? [...namesOf(name), ...namesOf(TIED_EMBEDDINGS)] : namesOf(name);

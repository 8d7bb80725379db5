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
/** The output layer. Where it is the same table, safetensors keeps one of the two names. */
export const HEAD = 'paligemma_with_expert.paligemma.lm_head.weight';

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

/** Whether a tensor is the output layer, in whose place the table may be stored. */
export const isTied = (name: string): boolean => name.endsWith('.lm_head.weight');

/** The names under which checkpoints store a tensor that openpi calls `name`, the one to prefer first. */
export const storedNames = (name: string): string[] =>
  name === EMBEDDINGS ? [...namesOf(name), ...namesOf(HEAD)] : namesOf(name);

/** Modules that compiling and data parallelism put around a policy's own. */
const WRAPPERS = ['_orig_mod', 'module', '_fsdp_wrapped_module', '_checkpoint_wrapped_module'];

/** A policy's outermost modules, by which is told what stands before them. */
const ROOT =
  /(?:^|\.)(?:paligemma_with_expert|state_proj|action_(?:in|out)_proj|(?:action_)?time_mlp_(?:in|out))\./;

const unwrapped = (name: string) =>
  name
    .split('.')
    .filter((module) => !WRAPPERS.includes(module))
    .join('.');

/** What stands before a policy's outermost module in a name without wrapping modules; undefined for other names. */
function prefixOf(name: string): string | undefined {
  const found = ROOT.exec(name);
  if (!found) return undefined;
  return name.slice(0, found.index + (found[0].startsWith('.') ? 1 : 0));
}

/** Modules that PEFT, lerobot and openpi put before a policy's outermost. */
const OUTER = ['base_model', 'model', 'policy'];

/** Whether a policy's module stands in one that nobody is known to put before it. */
export function isMisplaced(name: string): boolean {
  const prefix = prefixOf(unwrapped(name)) ?? '';
  return prefix.split('.').some((module) => module !== '' && !OUTER.includes(module));
}

/**
 * Tensors by their names without wrapping modules, and without a prefix that all of the policy's share,
 * lerobot's own apart. Names stay as they are where two would become one.
 */
export function plainlyNamed<T>(tensors: ReadonlyMap<string, T>): Map<string, T> {
  const names = new Map([...tensors.keys()].map((name) => [name, unwrapped(name)]));
  const prefixes = new Set([...names.values()].flatMap((name) => prefixOf(name) ?? []));
  const [prefix] = prefixes;
  if (prefixes.size === 1 && prefix !== LEROBOT_PREFIX) {
    for (const [stored, name] of names) {
      if (name.startsWith(prefix)) names.set(stored, name.slice(prefix.length));
    }
  }
  const plain = new Map([...tensors].map(([stored, tensor]) => [names.get(stored)!, tensor]));
  return plain.size === tensors.size ? plain : new Map(tensors);
}

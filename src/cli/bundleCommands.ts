import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CreateOptions } from './create.ts';
import type { VerifyOptions } from './verify.ts';
import type { ImportOptions } from '../policy/families/pi0/import/importPolicy.ts';
import { SHIPPED_POLICY, integer, sessionOption } from './sharedOptions.ts';
import { run } from './run.ts';

function bits(text: string): 8 | 4 {
  if (text === '8' || text === '4') return text === '8' ? 8 : 4;
  throw new InvalidArgumentError('It must be 8 or 4.');
}

/** Names between commas. */
function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('A name is empty.');
  return names;
}

/** Commands that make policy bundles and compare them. */
export function bundles(program: Command): void {
  program
    .command('create')
    .description('make a policy bundle with random weights')
    .argument('<folder>', 'where the bundle goes')
    .option('--seed <n>', 'seed of the weights', integer(0), 0)
    .addOption(
      new Option(
        '--size <which>',
        '2 million parameters, or the 3.2 billion of the published policy',
      )
        .choices(['mini', 'full'])
        .default('mini'),
    )
    .addOption(
      new Option('--precision <type>', 'in which the full size is stored')
        .choices(['float32', 'float16', 'bfloat16'])
        .default('bfloat16'),
    )
    .option('--force', 'replace a bundle that is there')
    .addHelpText(
      'after',
      `
Examples:
  nalu create mini                                   to try what needs no skill
  nalu create full --size full                       6.5 GB: does this machine run a policy of this size?
  nalu create full --size full --precision float16   the same for GPUs without bfloat16, as through WebGPU`,
    )
    .action((folder: string, options: CreateOptions) =>
      run(async () => (await import('./create.ts')).createCommand(folder, options)),
    );

  program
    .command('import')
    .description('make a policy bundle of a published π0: a checkpoint of lerobot or openpi')
    .argument('<checkpoint>', 'folder with model.safetensors or its shards, or the file itself')
    .requiredOption('--out <folder>', 'where the bundle goes')
    .addOption(
      new Option('--embodiment <name>', 'the robot that it was trained for')
        .choices(['aloha'])
        .default('aloha'),
    )
    .option(
      '--base <checkpoint>',
      'the weights that an adapter was trained on, where they are not beside it',
    )
    .option('--adapt-to-pi', 'it was trained on joints flipped and grippers as motor angles')
    .option('--no-adapt-to-pi', "it was trained on ALOHA's own joints and gripper openings")
    .option('--delta-actions', 'its arm actions are relative to the state, grippers absolute')
    .option('--no-delta-actions', 'its actions are absolute')
    .option(
      '--cameras <list>',
      "the robot's cameras in the policy's order: base, left wrist, right wrist",
      list,
    )
    .option('--stats <file>', "normalisation statistics, in the place of the checkpoint's")
    .option('--tokenizer <file>', "tokenizer.json, in the place of the checkpoint's")
    .option('--execute <n>', 'rows of a chunk to play before the next one takes over', integer(1))
    .option('--copy', 'copy the weights, however large, in the place of linking to them')
    .addOption(
      new Option('--precision <type>', 'convert the weights, in the place of linking').choices([
        'float32',
        'float16',
        'bfloat16',
      ]),
    )
    .option('--prefix-bits <n>', "pack the language model's matrices into 8 or 4 bits", bits)
    .option('--force', 'replace a bundle that is there')
    .addHelpText(
      'after',
      `
The weights are copied where that is quick (up to 256 MiB). Larger ones stay where they are: the bundle
holds clones of the files, or second names (hard links), which take no room and outlive the checkpoint, and
graphs that point into them. A linked file that is written anew in place is noticed, and the bundle then
refused; --copy keeps it. A large checkpoint on another file system needs --copy. Statistics, cameras,
dimensions and, in lerobot's checkpoints, the kind of actions are read from the checkpoint; what it leaves
open must be said, and what was chosen is printed. A LoRA adapter of PEFT's is merged into the weights that
it was trained on, which are then written anew.

Examples:
  nalu import pi0_aloha --out my-policy --no-adapt-to-pi --no-delta-actions
                                             trained by lerobot on an ALOHA data set
  nalu import pi0_aloha_towel_pytorch --out towel --adapt-to-pi --delta-actions --tokenizer tokenizer.json
                                             converted by openpi's convert_jax_model_to_pytorch.py
  nalu import pi0_base --out base --adapt-to-pi --delta-actions --stats assets/trossen/norm_stats.json
  nalu import pi0_aloha_lora --base pi0_base --out my-policy --no-adapt-to-pi
                                             an adapter, and the policy that it was trained on
  nalu check my-policy --robot ros --calibration mine.yaml
                                             then: does it fit the robot?`,
    )
    .action((checkpoint: string, options: ImportOptions) =>
      run(async () => (await import('./import.ts')).importCommand(checkpoint, options)),
    );

  program
    .command('verify')
    .description('compare what a policy computes here with its golden numbers')
    .argument('[bundle]', 'policy bundle', SHIPPED_POLICY)
    .option('--write', 'make the golden numbers: on the CPU, in float32')
    .option('--force', 'with --write: replace those that are there')
    .option('--json', 'print one JSON object and nothing else')
    .addOption(sessionOption())
    .addHelpText(
      'after',
      `
A bundle holds inputs, and what the policy makes of them at every stage: embeddings, the prefix's keys and
values, the velocity, the chunk. An engine of another precision or provider that gives something else moves
no robot: whatever runs a policy makes the same comparison of its chunk before the first motion.

Examples:
  nalu verify my-policy --write                      once, after importing or training it
  nalu verify my-policy --session tensorrt.yaml      is it the same policy on the robot's GPU?`,
    )
    .action((bundle: string, options: VerifyOptions) =>
      run(async () => (await import('./verify.ts')).verifyCommand(bundle, options)),
    );
}

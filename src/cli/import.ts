import { type Command, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import type { Imported } from '../policy/families/importers.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { integer } from './sharedOptions.ts';

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

const NOTES = `
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
  nalu import pi05_libero_pytorch --out libero --no-state-in-prompt --no-delta-actions --tokenizer tokenizer.json
                                             for LIBERO's simulated robot: nalu serve libero
  nalu import pi0_so101 --out so101 --embodiment so101 --units degrees
                                             trained by lerobot on an SO-101
  nalu import openvla-7b-finetuned-libero-spatial --out openvla --prefix-bits 4
                                             for LIBERO's simulated robot, an action at a time
  nalu check my-policy --robot ros --calibration mine.yaml
                                             then: does it fit the robot?`;

/** Says what has become of a checkpoint, in so many milliseconds, and what to do next. */
async function report(imported: Imported, out: string, took: number, context: Context) {
  const { importReport } = await import('../policy/families/importers.ts');
  const { name, version } = imported.bundle;
  print(context.out, `${out}: ${name} ${version}, in ${(took / 1000).toFixed(1)} s`);
  for (const [label, text] of importReport(imported))
    print(context.out, `  ${label.padEnd(11)} ${text}`);
  print(
    context.out,
    `\nNext, keep what it computes here on the CPU, then compare it with your robot, which moves nothing, or serve it to openpi's clients:\n  nalu verify ${out} --write\n  nalu check ${out} --robot ros --calibration FILE.yaml\n  nalu serve ${out}`,
  );
}

/** `nalu import`. */
export function importCheckpoint(program: Command, context: Context): void {
  const command = program
    .command('import')
    .description(
      'make a policy bundle of a published π0, π0.5 or π0-FAST of lerobot or openpi, or of an OpenVLA or Octo',
    )
    .argument('<checkpoint>', 'folder with model.safetensors or its shards, or the file itself')
    .requiredOption('--out <folder>', 'where the bundle goes')
    .addOption(
      new Option(
        '--embodiment <name>',
        'the robot that it was trained for, where the files do not say it',
      ).choices(['aloha', 'droid', 'libero', 'so100', 'so101'] as const),
    )
    .option(
      '--base <checkpoint>',
      'the weights that an adapter was trained on, where they are not beside it',
    )
    .option('--adapt-to-pi', 'it was trained on joints flipped and grippers as motor angles')
    .option('--no-adapt-to-pi', "it was trained on ALOHA's own joints and gripper openings")
    .option('--delta-actions', 'its arm actions are relative to the state, grippers absolute')
    .option('--no-delta-actions', 'its actions are absolute')
    .option('--state-in-prompt', 'a π0.5 was trained with the state in its prompt')
    .option('--no-state-in-prompt', "a π0.5 reads no state, as openpi's for LIBERO")
    .addOption(
      new Option('--units <name>', "joints in an SO-100's or SO-101's training data").choices([
        'radians',
        'degrees',
        'percent',
      ] as const),
    )
    .option('--ranges <file>', "lerobot's calibration file of the arm, for --units percent")
    .option(
      '--cameras <list>',
      "the robot's cameras in the policy's order: base, left wrist, right wrist",
      list,
    )
    .option('--stats <file>', "normalisation statistics, instead of the checkpoint's")
    .option(
      '--dataset <name>',
      'of an OpenVLA or Octo: the data set whose statistics its actions have (unnorm_key)',
    )
    .option('--tokenizer <file>', "tokenizer.json, instead of the checkpoint's")
    .option(
      '--action-tokenizer <folder>',
      'of a π0-FAST: tokenizer.json and processor_config.json that it was trained with',
    )
    .option('--execute <n>', 'rows of a chunk to play before the next one takes over', integer(1))
    .option('--steps <n>', "network calls a chunk, instead of the checkpoint's", integer(1))
    .option('--copy', 'copy the weights, however large, instead of linking to them')
    .addOption(
      new Option('--precision <type>', 'convert the weights, instead of linking').choices([
        'float32',
        'float16',
        'bfloat16',
      ] as const),
    )
    .option(
      '--prefix-bits <n>',
      "pack the prefix's matrices into 8 bits, or the language model's into 4",
      bits,
    )
    .option('--force', 'replace a bundle that is there')
    .addHelpText('after', NOTES)
    .action(async (checkpoint, options) => {
      const { importPolicy } = await import('../policy/families/importers.ts');
      const start = performance.now();
      const imported = await importPolicy(checkpoint, options);
      await report(imported, options.out, performance.now() - start, context);
    });
  readsOnly(command, { '--copy': { without: ['--prefix-bits'] } });
}

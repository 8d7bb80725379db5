import { type Command, Option } from '@commander-js/extra-typings';
import { UNTRAINED_SIZES } from '../policy/families/untrainedNames.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { integer } from './sharedOptions.ts';

/** `nalu create`. */
export function create(program: Command, context: Context): void {
  const command = program
    .command('create')
    .description('make a policy bundle with random weights')
    .argument('<folder>', 'where the bundle goes')
    .option('--seed <n>', 'seed of the weights', integer(0), 0)
    .addOption(
      new Option(
        '--size <which>',
        '2 million parameters, or the 3.2 billion of the published policy',
      )
        .choices(UNTRAINED_SIZES.pi0)
        .default('mini'),
    )
    .addOption(
      new Option('--precision <type>', 'in which the full size is stored')
        .choices(['float32', 'float16', 'bfloat16'] as const)
        .default('bfloat16'),
    )
    .option('--calibration <file>', 'robot that the policy is for, instead of the simulated ALOHA')
    .option('--force', 'replace a bundle that is there')
    .addHelpText(
      'after',
      `
Examples:
  nalu create mini                                   to try what needs no skill
  nalu create full --size full                       6.5 GB: does this machine run a policy of this size?
  nalu create full --size full --precision float16   the same for GPUs without bfloat16, as through WebGPU`,
    )
    .action(async (folder, options) => {
      const { createBundle } = await import('../training/createBundle.ts');
      const { name, version, files } = await createBundle(folder, options);
      print(context.out, `${folder}: ${name} ${version}, ${files.join(', ')}`);
    });
  readsOnly(command, { '--precision': { with: ['--size full'] } });
}

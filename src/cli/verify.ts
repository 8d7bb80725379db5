import { join } from 'node:path';
import type { Command } from '@commander-js/extra-typings';
import { UserError, existsError } from '../errors.ts';
import type { Agreement } from '../policy/bundle/verification.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { readsOnly } from './rules.ts';
import { SHIPPED_POLICY, jsonOption, sessionOption } from './sharedOptions.ts';

const line = ({ stage, cosine, difference, largest }: Agreement, least: number) =>
  `  ${stage.padEnd(12)}cosine ${cosine.toFixed(7)}   largest difference ${difference.toExponential(1)} of ${largest.toPrecision(3)}${cosine >= least ? '' : '   ✗'}`;

/** `nalu verify`. */
export function verify(program: Command, context: Context): void {
  const command = program
    .command('verify')
    .description('compare what a policy computes here with its golden numbers')
    .argument('[bundle]', 'policy bundle', SHIPPED_POLICY)
    .option('--write', 'make the golden numbers: on the CPU, in float32')
    .option('--force', 'with --write: replace those that are there')
    .addOption(jsonOption())
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
    .action(async (folder, options) => {
      const { loadSessionConfig } = await import('../session/session.ts');
      const { GOLDEN_FILE, loadBundle } = await import('../policy/bundle/bundle.ts');
      const { makeGolden, verifyBundle } = await import('../policy/bundle/verification.ts');
      const { write, force, json } = options;
      const say = (text: string) => print(context.out, text);
      const session = await loadSessionConfig(options.session);
      const bundle = await loadBundle(folder);
      if (write) {
        if (bundle.hasGolden && !force)
          throw existsError(
            join(folder, GOLDEN_FILE),
            `nalu verify ${folder} compares with it, --write --force makes it anew`,
          );
        await makeGolden(bundle, session);
        return say(`${folder}: golden numbers made on the CPU in float32`);
      }
      const { agreements, least, passes, ...used } = await verifyBundle(bundle, session);
      const providers = used.providers.join(', ');
      if (json) say(JSON.stringify({ folder, providers, least, passes, agreements }));
      else {
        say(`${folder} (${bundle.precision}) on ${providers}, beside its golden numbers:`);
        for (const one of agreements) say(line(one, least));
      }
      if (!passes)
        throw new UserError(
          `${folder} does not give its golden numbers on ${providers}: a cosine is below ${least}; no robot is moved with it there`,
          { kind: 'mismatch', subject: folder },
        );
      if (!json) say(`as it should be: every cosine is at least ${least}`);
    });
  readsOnly(command, { '--json': { without: ['--write'] }, '--force': { with: ['--write'] } });
}

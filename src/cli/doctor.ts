import type { Command } from '@commander-js/extra-typings';
import { UserError } from '../errors.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { SHIPPED_POLICY, jsonOption } from './sharedOptions.ts';

/** `nalu doctor`. */
export function doctor(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('say what this machine can do, and for each lack the next step')
    .argument('[bundle]', 'policy bundle that is to run here', SHIPPED_POLICY)
    .option('--calibration <file>', "a robot's calibration: are its cameras' topics there (ROS 2)?")
    .option('--session <file>', 'YAML of a session: can its execution providers be had?')
    .option('--record <folder>', 'where episodes are to be kept', 'episodes')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
It tries what it tells: every execution provider multiplies two matrices, every library with native
code is used, each in a process of its own, so that a driver that crashes ends no more than that.

  ok    it is here and works
  LACK  it is wanted here, and does not work; the line below says what to do
  -     it is not here, and nothing on this machine wants it

The exit code is 1 only if something is lacking that the simulated robot needs.

Examples:
  nalu doctor                                     this machine, and the shipped policy
  nalu doctor my-policy --session session.yaml    can it run there, on these providers, in this memory?
  nalu doctor --calibration mine.yaml             are the robot's cameras publishing?
  nalu doctor --json | grep '"lack"'              for a script`,
    )
    .action(async (bundle, options) => {
      const { examine } = await import('../doctor/examine.ts');
      const { jsonReport, needed, textReport } = await import('../doctor/report.ts');
      const findings = await examine(bundle, options, context.env);
      const lines = options.json
        ? jsonReport(findings)
        : textReport(findings, { bundle, calibration: options.calibration, out: context.out });
      for (const line of lines) print(context.out, line);
      const lacking = needed(findings);
      if (lacking.length > 0)
        throw new UserError(
          `the simulated robot does not run here without: ${lacking.map(({ name }) => name).join(', ')}`,
          { kind: 'missing', fields: lacking.map(({ name }) => name) },
        );
    });
}

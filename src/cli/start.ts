import type { Command } from '@commander-js/extra-typings';
import { isThere } from '../files/isThere.ts';
import { packagePath } from '../files/packagePath.ts';
import { print } from '../terminal/output.ts';
import type { Context } from './context.ts';
import { DEFAULT_PORT, consoleOf } from './consoleOptions.ts';
import { SHIPPED_POLICY } from './sharedOptions.ts';

const PRIOR = packagePath('models/aloha-mini-12k');

const RUN = 'runs/start';

const NEXT =
  '\nNow every camera is moved by 2 mm, and a policy that succeeded before fails. It learns from 144 of its own\nattempts, for some five minutes on two cores. Ctrl-C stops it; the same command continues from there.\n';

/** What is learned after the first attempts. */
const ADAPTATION = {
  method: 'view',
  episodes: 144,
  batch: 16,
  evaluateEvery: 5,
  attempts: 30,
  processes: 2,
  seed: 0,
  join: 'swap',
  delay: 40,
} as const;

/** `nalu start`. */
export function start(program: Command, context: Context): void {
  program
    .command('start')
    .description(
      'ten attempts of the shipped policy on the simulated robot, then some minutes of learning',
    )
    .action(async () => {
      const { simulate } = await import('../rollouts/simulate.ts');
      const { adapt } = await import('../adapting/adapt.ts');
      const { out, err, env } = context;
      const signal = context.interruption();
      const watch = Boolean(out.isTTY && !env.NO_COLOR);
      const attempts = { episodes: 10, seed: 0, record: 'episodes', watch } as const;
      const goesOn = await isThere(RUN);
      if (goesOn) print(out, `\n${RUN} goes on; remove it to begin anew.\n`);
      else await simulate({ ...attempts, policy: SHIPPED_POLICY }, { out, err, signal });
      if (signal.aborted) {
        print(err, 'nalu: stopped by hand; an attempt that was under way does not count');
        return context.end('interrupted');
      }
      if (!goesOn) print(out, NEXT);
      const options = { ...ADAPTATION, policy: PRIOR, gap: `${PRIOR}/cameras-aside.yaml` };
      const place = await consoleOf({ console: DEFAULT_PORT }, context);
      const console = place && { ...place, isOptional: true };
      context.end(await adapt(RUN, options, { out, err, signal, console }));
    });
}

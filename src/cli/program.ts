import { Command } from '@commander-js/extra-typings';
import { packageVersion } from '../files/packageVersion.ts';
import { adapt } from './adapt.ts';
import { calibrate } from './calibrate.ts';
import { check } from './check.ts';
import { classifier } from './classifier.ts';
import { showOnPage } from './console.ts';
import type { Context } from './context.ts';
import { create } from './create.ts';
import { demos } from './demos.ts';
import { distill } from './distill.ts';
import { doctor } from './doctor.ts';
import { exportEpisodes } from './export.ts';
import { fleet } from './fleet.ts';
import { imitate } from './imitate.ts';
import { importCheckpoint } from './import.ts';
import { importData } from './importData.ts';
import { keys } from './keys.ts';
import { learn } from './learn.ts';
import { refuseUnexpandedPaths } from './paths.ts';
import { recover } from './recover.ts';
import { refuseContradictions } from './rules.ts';
import { serve } from './serve.ts';
import { sim } from './sim.ts';
import { start } from './start.ts';
import { verify } from './verify.ts';
import { worker } from './worker.ts';

const GROUPS = [
  { title: 'The simulated robot:', commands: [start, sim, showOnPage, recover] },
  { title: 'Data:', commands: [exportEpisodes, importData] },
  {
    title: 'Learning:',
    commands: [demos, imitate, distill, adapt, worker, learn, fleet, keys, classifier],
  },
  { title: 'Policies:', commands: [create, importCheckpoint, verify, serve] },
  { title: 'A real robot and its machine:', commands: [check, calibrate, doctor] },
];

/** The whole command line of `nalu`. It throws a `CommanderError` instead of ending the process. */
export function createProgram(context: Context): Command {
  const { out, err } = context;
  const program = new Command('nalu')
    .description(
      'Runs flow-matching policies (pi0) on a robot: observes, samples action chunks, plays them behind a guard, and keeps every attempt as an episode.',
    )
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'nalu: ')),
    })
    .showHelpAfterError('(nalu --help, or nalu COMMAND --help, says more)');
  for (const { title, commands } of GROUPS) {
    program.commandsGroup(title);
    for (const add of commands) add(program, context);
  }
  for (const command of program.commands) {
    refuseContradictions(command);
    refuseUnexpandedPaths(command);
  }
  return program;
}

import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { packagePath } from '../files/packagePath.ts';
import { bundles } from './bundleCommands.ts';
import { learning } from './learningCommands.ts';
import { refuseUnexpandedPaths } from './paths.ts';
import { playing } from './playingCommands.ts';
import { READS } from './reads.ts';
import { robots } from './robotCommands.ts';
import { readsOnly, refuseContradictions } from './rules.ts';

const GROUPS = [
  { title: 'The simulated robot:', add: playing },
  { title: 'Learning:', add: learning },
  { title: 'Policies:', add: bundles },
  { title: 'A real robot and its machine:', add: robots },
];

function packageVersion(): string {
  const text = readFileSync(packagePath('package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** All of `nalu`'s command line. */
export function createProgram(): Command {
  const program = new Command('nalu')
    .description(
      'Runs flow-matching policies (pi0) on a robot: observes, samples action chunks, plays them behind a guard, and keeps every attempt as an episode.',
    )
    .version(packageVersion())
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'nalu: ')) })
    .showHelpAfterError('(nalu --help, or nalu COMMAND --help, says more)');
  for (const { title, add } of GROUPS) {
    program.commandsGroup(title);
    add(program);
  }
  for (const command of program.commands) {
    refuseContradictions(command);
    refuseUnexpandedPaths(command);
    readsOnly(command, READS[command.name()] ?? {});
  }
  return program;
}

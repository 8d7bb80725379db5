#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { bundles } from './commandLine/bundles.ts';
import { learning } from './commandLine/learning.ts';
import { refuseUnexpandedPaths } from './commandLine/paths.ts';
import { playing } from './commandLine/playing.ts';
import { READS } from './commandLine/reads.ts';
import { robots } from './commandLine/robots.ts';
import { readsOnly, refuseContradictions } from './commandLine/rules.ts';
import { packagePath } from './packagePath.ts';

const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('nalu')
  .description(
    'Runs flow-matching policies (pi0) on a robot: observes, samples action chunks, plays them behind a guard, and keeps every attempt as an episode.',
  )
  .version(version)
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'nalu: ')) })
  .showHelpAfterError('(nalu --help, or nalu COMMAND --help, says more)');

program.commandsGroup('The simulated robot:');
playing(program);
program.commandsGroup('Learning:');
learning(program);
program.commandsGroup('Policies:');
bundles(program);
program.commandsGroup('A real robot and its machine:');
robots(program);

for (const command of program.commands) {
  refuseContradictions(command);
  refuseUnexpandedPaths(command);
  readsOnly(command, READS[command.name()] ?? {});
}

await program.parseAsync();

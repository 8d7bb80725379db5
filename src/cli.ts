#!/usr/bin/env node
import { Command } from 'commander';
import { bundles } from './commandLine/bundles.ts';
import { learning } from './commandLine/learning.ts';
import { playing } from './commandLine/playing.ts';
import { robots } from './commandLine/robots.ts';

const program = new Command('nalu')
  .description(
    'Runs flow-matching policies (pi0) on a robot: observes, samples action chunks, plays them behind a guard, and keeps every attempt as an episode.',
  )
  .showHelpAfterError('(nalu --help, or nalu COMMAND --help, says more)');

program.commandsGroup('The simulated robot:');
playing(program);
program.commandsGroup('Learning:');
learning(program);
program.commandsGroup('Policies:');
bundles(program);
program.commandsGroup('A real robot and its machine:');
robots(program);

await program.parseAsync();

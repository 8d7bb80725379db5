import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommandUnknownOpts as Command } from '@commander-js/extra-typings';
import { createProgram } from '../../src/cli/program.ts';
import { nalu, surroundings } from './nalu.ts';

/** What each command must be given. */
const LEAST: Record<string, string[]> = {
  start: [],
  sim: [],
  recover: ['x.mcap.partial'],
  export: ['x', '--out', 'y'],
  'import-data': ['x', '--out', 'y'],
  demos: ['x'],
  imitate: ['x', '--out', 'y'],
  distill: ['b', '--episodes', 'x', '--out', 'y'],
  adapt: ['x'],
  worker: ['nats://127.0.0.1:1'],
  fleet: ['nats://127.0.0.1:1'],
  learn: ['x'],
  keys: ['x'],
  classifier: ['--out', 'x'],
  console: ['x'],
  create: ['x'],
  import: ['x', '--out', 'y'],
  verify: [],
  serve: [],
  check: [],
  calibrate: ['x.yaml'],
  doctor: [],
};

const { commands } = createProgram({ ...surroundings(), end: () => undefined });

/** What the command line says of arguments that it refuses, before any command runs. */
async function refusal(args: readonly string[]): Promise<string> {
  const { code, err } = await nalu(args);
  assert.equal(code, 1, `nalu ${args.join(' ')} is not refused`);
  assert.match(err, /^nalu: .+\n(\(.*\)\n)+$/, `nalu ${args.join(' ')}`);
  return err;
}

const PLACEHOLDER = /(file|folder|bundle|checkpoint|episodes)s?(\.\.\.)?[>\]]$/;

const LEARNER = ['--record', 'x', '--learner', 'ipc:///x'];

/** What an option is only read with, of one command or of all. */
const COMPANIONS: Record<string, string[]> = {
  '--scene-map': ['--scene', 'x'],
  'adapt --keys': ['--workers', 'nats://127.0.0.1:1'],
  'serve --keys': LEARNER,
  'serve --config': LEARNER,
  'serve --exploration': LEARNER,
  '--adapters': ['--console'],
};

/** A command's arguments with a path in the place of each argument and option that is one, in turn. */
function withPath(command: Command, path: string): string[][] {
  const least = LEAST[command.name()];
  const positions = command.registeredArguments.flatMap((argument, at) =>
    PLACEHOLDER.test(`<${argument.name()}>`)
      ? [[command.name(), ...least.toSpliced(at, 1, path)]]
      : [],
  );
  const options = command.options
    .filter(({ flags }) => PLACEHOLDER.test(flags))
    .map(({ long }) => {
      const at = least.indexOf(long!);
      const others = at < 0 ? least : least.toSpliced(at, 2);
      return [
        command.name(),
        ...others,
        ...(COMPANIONS[`${command.name()} ${long}`] ?? COMPANIONS[long!] ?? []),
        `${long}=${path}`,
      ];
    });
  return [...positions, ...options];
}

describe('the command line', () => {
  it('is tried here with every command', () => {
    assert.deepEqual(commands.map((command) => command.name()).sort(), Object.keys(LEAST).sort());
  });

  it('refuses a ~ that the shell has left, in every path, and says what to write', async () => {
    for (const command of commands)
      for (const args of withPath(command, '~/x'))
        assert.match(await refusal(args), /~\/x: the shell leaves ~ .* write "\$HOME\/x"/);
    assert.match(await refusal(['create', '~']), /write "\$HOME"/);
  });

  it('refuses an empty path, as of a variable that is unset', async () => {
    for (const command of commands)
      for (const args of withPath(command, '')) assert.match(await refusal(args), /path is empty/);
  });

  it('refuses an option beside its opposite, whichever comes first', async () => {
    for (const command of commands) {
      const longs = command.options.map(({ long }) => long!);
      for (const no of longs.filter((long) => long.startsWith('--no-'))) {
        const yes = no.replace('--no-', '--');
        if (!longs.includes(yes)) continue;
        const args = [command.name(), ...LEAST[command.name()]];
        assert.match(await refusal([...args, yes, no]), /contradict each other/);
        assert.match(await refusal([...args, no, yes]), /contradict each other/);
      }
    }
  });

  const UNREAD: [string, RegExp][] = [
    ['sim --expert --policy models/aloha-mini', /--policy is not read with --expert/],
    ['sim --expert --zero-noise', /--zero-noise is not read with --expert/],
    ['sim --expert --execute 5', /--execute is not read with --expert/],
    ['sim --expert --session x.yaml', /--session is not read with --expert/],
    ['sim --expert --join exact', /--expert is not read with --join exact/],
    ['sim --json --watch', /--watch is not read with --json/],
    ['sim --metrics-host ::1', /--metrics-host is only read with --metrics-port/],
    ['sim --snapshot x.png --record x', /--snapshot is not read with --record/],
    ['sim --snapshot x.png --episodes 2', /--snapshot is not read with --episodes/],
    ['adapt x --keys y', /--keys is only read with --workers/],
    ['adapt x --processes 3 --workers nats://x', /--processes is not read with --workers/],
    ['sim --force', /--force is only read with --snapshot/],
    ['imitate x --out y --rank 4', /--rank is only read with --train lora/],
    ['imitate x --out y --train expert --layers 1', /--layers is only read with --train lora/],
    ['imitate x --out y --renormalise', /--renormalise is only read with --from/],
    ['create x --precision float16', /--precision is only read with --size full/],
    ['import x --out y --copy --prefix-bits 8', /--copy is not read with --prefix-bits/],
    ['verify --write --json', /--json is not read with --write/],
    ['verify --force', /--force is only read with --write/],
    ['check --sim-time', /--sim-time is only read with --robot ros/],
    ['check --robot ros --seed 4', /--seed is only read with --robot sim/],
    ['calibrate x.yaml --sim-time', /--sim-time is only read with --robot ros/],
  ];
  for (const [line, expected] of UNREAD)
    it(`refuses what would not be read: ${line}`, async () => {
      assert.match(await refusal(line.split(' ')), expected);
    });

  const MISTAKES: [string, string[], RegExp][] = [
    ['a misspelt command', ['recovr'], /unknown command 'recovr'\n\(Did you mean recover\?\)/],
    ['a misspelt option', ['sim', '--episode', '3'], /\(Did you mean --episodes\?\)/],
    ['a number that is empty', ['sim', '--seed', ''], /whole number/],
    ['a rate without an end', ['imitate', 'x', '--out', 'y', '--rate', 'Infinity'], /number/],
    ['a port that there is not', ['sim', '--metrics-port', '99999'], /A port is/],
    ['one argument too many', ['keys', 'a', 'b'], /too many arguments/],
  ];
  for (const [name, args, expected] of MISTAKES)
    it(`tells of ${name}`, async () => {
      assert.match(await refusal(args), expected);
    });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CommandUnknownOpts as Command } from '@commander-js/extra-typings';
import { createProgram } from '../../src/cli/program.ts';
import type { About } from '../refusals.ts';
import { assertFails, nalu, surroundings } from './nalu.ts';

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

/** Asserts that arguments are refused before any command runs, and that what is said names these. */
async function assertRefused(args: readonly string[], { subject, names }: About): Promise<void> {
  const { err, failure } = await assertFails(args, { kind: 'invalid', names });
  assert.equal(failure!.subject, subject, err);
  assert.match(err, /^nalu: .+\n(\(.*\)\n)+$/, `nalu ${args.join(' ')}`);
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
function withPath(command: Command, path: string): { args: string[]; subject?: string }[] {
  const least = LEAST[command.name()];
  const positions = command.registeredArguments.flatMap((argument, at) =>
    PLACEHOLDER.test(`<${argument.name()}>`)
      ? [{ args: [command.name(), ...least.toSpliced(at, 1, path)] }]
      : [],
  );
  const options = command.options
    .filter(({ flags }) => PLACEHOLDER.test(flags))
    .map(({ long }) => {
      const at = least.indexOf(long!);
      const others = at < 0 ? least : least.toSpliced(at, 2);
      const companions = COMPANIONS[`${command.name()} ${long}`] ?? COMPANIONS[long!] ?? [];
      const args = [command.name(), ...others, ...companions, `${long}=${path}`];
      return { args, subject: long };
    });
  return [...positions, ...options];
}

describe('the command line', () => {
  it('is tried here with every command', () => {
    assert.deepEqual(commands.map((command) => command.name()).sort(), Object.keys(LEAST).sort());
  });

  it('refuses a ~ that the shell has left, in every path, and says what to write', async () => {
    for (const command of commands)
      for (const { args, subject } of withPath(command, '~/x'))
        await assertRefused(args, { subject, names: ['~/x', '"$HOME/x"'] });
    await assertRefused(['create', '~'], { names: ['"$HOME"'] });
  });

  it('refuses an empty path, as of a variable that is unset', async () => {
    for (const command of commands)
      for (const { args, subject } of withPath(command, '')) await assertRefused(args, { subject });
  });

  it('refuses an option beside its opposite, whichever comes first', async () => {
    for (const command of commands) {
      const longs = command.options.map(({ long }) => long!);
      for (const no of longs.filter((long) => long.startsWith('--no-'))) {
        const yes = no.replace('--no-', '--');
        if (!longs.includes(yes)) continue;
        const args = [command.name(), ...LEAST[command.name()]];
        await assertRefused([...args, yes, no], { subject: yes, names: [no] });
        await assertRefused([...args, no, yes], { subject: no, names: [yes] });
      }
    }
  });

  /** Arguments, the option that would not be read, and what it would be read with or without. */
  const UNREAD: [line: string, subject: string, other: string][] = [
    ['sim --expert --policy models/aloha-mini', '--policy', '--expert'],
    ['sim --expert --zero-noise', '--zero-noise', '--expert'],
    ['sim --expert --execute 5', '--execute', '--expert'],
    ['sim --expert --session x.yaml', '--session', '--expert'],
    ['sim --expert --join exact', '--expert', '--join exact'],
    ['sim --json --watch', '--watch', '--json'],
    ['sim --metrics-host ::1', '--metrics-host', '--metrics-port'],
    ['sim --snapshot x.png --record x', '--snapshot', '--record'],
    ['sim --snapshot x.png --episodes 2', '--snapshot', '--episodes'],
    ['adapt x --keys y', '--keys', '--workers'],
    ['adapt x --processes 3 --workers nats://x', '--processes', '--workers'],
    ['sim --force', '--force', '--snapshot'],
    ['demos x --scene-map map.yaml', '--scene-map', '--scene'],
    ['imitate x --out y --rank 4', '--rank', '--train lora'],
    ['imitate x --out y --train expert --layers 1', '--layers', '--train lora'],
    ['imitate x --out y --family pi0-fast --samples 3', '--samples', '--family pi0-fast'],
    ['imitate x --out y --from z --family pi0-fast', '--family', '--from'],
    ['imitate x --out y --renormalise', '--renormalise', '--from'],
    ['imitate x --out y --resume --force', '--force', '--resume'],
    ['create x --precision float16', '--precision', '--size full'],
    ['import x --out y --copy --prefix-bits 8', '--copy', '--prefix-bits'],
    ['verify --write --json', '--json', '--write'],
    ['verify --force', '--force', '--write'],
    ['check --sim-time', '--sim-time', '--robot ros'],
    ['check --robot ros --seed 4', '--seed', '--robot sim'],
    ['calibrate x.yaml --sim-time', '--sim-time', '--robot ros'],
  ];
  for (const [line, subject, other] of UNREAD)
    it(`refuses what would not be read: ${line}`, () =>
      assertRefused(line.split(' '), { subject, names: [other] }));

  const MISTAKES: Record<string, [line: string, About]> = {
    'a misspelt command': ['recovr', { names: ["'recovr'", '(Did you mean recover?)'] }],
    'a misspelt option': [
      'sim --episode 3',
      { subject: '--episode', names: ['(Did you mean --episodes?)'] },
    ],
    'an unknown option': ['sim --fast', { subject: '--fast' }],
    'a task that there is not': [
      'sim --task juggle',
      { subject: '--task', names: ['juggle', 'transfer-cube', 'insertion'] },
    ],
    'a number that is none': ['sim --episodes many', { subject: '--episodes', names: ['many'] }],
    'a number that is empty': ['sim --seed=', { subject: '--seed', names: ["''"] }],
    'no network call': ['sim --steps 0', { subject: '--steps', names: ['at least 1'] }],
    'flow times that are no numbers': ['sim --times 1,,0', { subject: '--times', names: ['1,,0'] }],
    'groups of shapes that there are not': [
      'sim --draw-groups 1,9',
      { subject: '--draw-groups', names: ['0 to 5'] },
    ],
    'a rate without an end': [
      'imitate x --out y --rate Infinity',
      { subject: '--rate', names: ['Infinity'] },
    ],
    'a port that there is not': [
      'sim --metrics-port 99999',
      { subject: '--metrics-port', names: [99999, '1 to 65535'] },
    ],
    'one argument too many': ['keys a b', { names: ["'keys'", '1 argument', 2] }],
  };
  for (const [name, [line, about]] of Object.entries(MISTAKES))
    it(`tells of ${name}`, () => assertRefused(line.split(' '), about));

  it('tells programs of a failure where they read: with --json, as the last line of the output', async () => {
    const abouts: Record<string, About> = {
      'sim --policy /nowhere': { kind: 'missing', subject: '/nowhere/policy.json' },
      'sim --episodes many': { kind: 'invalid', subject: '--episodes' },
      'sim --steps 3 --solver midpoint': { kind: 'invalid', fields: ['steps'] },
    };
    for (const [line, about] of Object.entries(abouts)) {
      const silent = await assertFails(line.split(' '), about);
      assert.equal(silent.out, '');
      const { kind, subject, fields, message } = silent.failure!;
      const { out, err } = await nalu([...line.split(' '), '--json']);
      assert.deepEqual(JSON.parse(out), { error: { kind, subject, fields, message } });
      assert.equal(err, silent.err);
    }
  });
});

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Field, Part } from './field.ts';
import type { NatsServer } from './server.ts';

/** Milliseconds. */
const LONGEST_FAULT = 4000;
const DAY_OFF = ['--import', `file://${join(import.meta.dirname, '../link/dayOff.js')}`];

/** What can go wrong, by name: what it happens to, and how long that is away. */
export type Faults = Record<string, { at: () => string; happen: (at: string) => Promise<void> }>;

/** The faults of a field, with moments and places that `draw` gives. */
export function faultsOf(field: Field, draw: () => number): Faults {
  const { server, learner, robots, leaf, impostor, adapt, workers, disks } = field;
  const oneOf = <T>(choice: readonly T[]) => choice[Math.floor(draw() * choice.length)];
  const work = adapt ? [adapt, ...workers] : [];
  const parts = new Map([learner, ...robots, ...work].map((part) => [part.name, part]));
  const named = (choice: readonly Part[]) => () => oneOf(choice).name;
  const anyPart = named([...parts.values()]);
  const aWhile = () => setTimeout(draw() * LONGEST_FAULT);
  const killed = (choice: readonly Part[], flags?: readonly string[]) => ({
    at: named(choice),
    happen: (name: string) => parts.get(name)!.again(flags),
  });
  const lost = (what: string, lost: NatsServer) => ({
    at: () => what,
    async happen() {
      await lost.kill();
      await setTimeout((draw() * LONGEST_FAULT) / 2);
      await lost.restart();
    },
  });
  const unlinked = (act: 'cut' | 'hush') => async (name: string) => {
    const relay = parts.get(name)!.relay!;
    relay[act]();
    await aWhile();
    relay.mend();
  };
  const full = async (of: 'server' | 'learner' | 'robot') => {
    const disk = disks.get(of)!;
    await disk.fill();
    await aWhile();
    await disk.empty();
  };
  return {
    'server killed': lost('server', server),
    "robot's leaf server killed": lost('leaf', leaf),
    'learner killed': killed([learner]),
    'robot killed': killed(robots),
    ...(adapt && {
      'worker killed': killed(workers),
      'nalu adapt killed': killed([adapt]),
    }),
    'clock a day off': killed([...parts.values()], DAY_OFF),
    // To the others its clock then is a day behind.
    "clocks a day off from the server's": {
      at: () => 'clocks',
      happen: async () =>
        void (await Promise.all([...parts.values()].map((part) => part.again(DAY_OFF)))),
    },
    'link cut': { at: anyPart, happen: unlinked('cut') },
    'link silent': { at: anyPart, happen: unlinked('hush') },
    'name taken twice': {
      at: () => 'impostor',
      async happen() {
        impostor.start();
        await setTimeout(1000);
        await aWhile();
        await impostor.kill();
      },
    },
    ...(disks.size > 0 && {
      "learner's disk full": { at: () => 'learner', happen: () => full('learner') },
      "robot's disk full": { at: () => 'cell-1', happen: () => full('robot') },
      // A server that met a full disk keeps nothing more until it is started again.
      "server's disk full": {
        at: () => 'server',
        async happen() {
          await full('server');
          await server.kill();
          await server.restart();
        },
      },
    }),
  };
}

/** Kinds of faults in drawn order, each as often as the others. */
export function drawnKinds(names: readonly string[], count: number, draw: () => number): string[] {
  const all: string[] = [];
  while (all.length < count)
    all.push(...[...names].map((name) => ({ name, at: draw() })).sort((a, b) => a.at - b.at).map(({ name }) => name)); // prettier-ignore
  return all.slice(0, count);
}

import { parseArgs } from 'node:util';
import { campaign } from '../test/nats/campaign.ts';
import { NO_NATS } from '../test/nats/server.ts';
import { markdownTable } from './markdown.ts';

const HELP = `npm run faults -- [--faults N] [--robots N] [--seed N]

A NATS server, a learner and robots that finish episodes of random bytes, each a process of its own. Faults happen to
them at random moments, drawn from the seed: parts are killed, links cut or silent, disks full, a name taken twice, a
clock a day off. At the end it counts what was lost, doubled or half applied. Needs nats-server; to fill disks it must
be allowed to mount some.`;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '100' },
    robots: { type: 'string', default: '3' },
    seed: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || NO_NATS) {
  console.log(NO_NATS || HELP);
  process.exit(values.help ? 0 : 1);
}
const { faults, ...account } = await campaign({
  faults: Number(values.faults),
  robots: Number(values.robots),
  seed: Number(values.seed),
  log: (line) => console.log(line),
});
console.log(markdownTable(['fault', 'times'], Object.entries(faults).map(([kind, times]) => [kind, String(times)]))); // prettier-ignore
const { made, once, doubled, lost, labelsLost, versions, halfApplied, stuck, seconds } = account;
console.log(
  [
    `${made} episodes in ${seconds} s: ${once} stored once, ${doubled} doubled, ${lost} lost; labels of ${labelsLost} lost`,
    `${versions} versions taken over, ${halfApplied} half applied`,
    `${stuck} times something did not get through again within a minute`,
  ].join('\n'),
);
if (once < made || doubled + labelsLost + halfApplied + stuck > 0) process.exitCode = 1;

import { parseArgs } from 'node:util';
import { median } from '../bench/row.ts';
import type { Percentiles } from '../src/measure/distribution.ts';
import { campaign } from '../test/nats/campaign.ts';
import { NO_NATS } from '../test/nats/server.ts';
import { markdownTable } from './markdown.ts';

const HELP = `npm run faults -- [--faults N] [--robots N] [--workers N] [--seed N]

A NATS server, a learner, robots that finish episodes of random bytes, and nalu adapt with workers that make attempts of
a tiny policy, each a process of its own; the last robot dials a leaf server of its own. Faults happen to them at random
moments, drawn from the seed: parts are killed, links cut or silent, disks full, a name taken twice, clocks a day off. At
the end it counts what was lost, doubled or half applied, and says how late the control steps were that robots keep
meanwhile. Needs nats-server; to fill disks it must be allowed to mount some.`;

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: '100' },
    robots: { type: 'string', default: '3' },
    workers: { type: 'string', default: '2' },
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
  workers: Number(values.workers),
  seed: Number(values.seed),
  log: (line) => console.log(line),
});
console.log(markdownTable(['fault', 'times'], Object.entries(faults).map(([kind, times]) => [kind, String(times)]))); // prettier-ignore
const shownSeconds = (all: readonly number[]) =>
  `${median(all).toFixed(1)} s (median), ${Math.max(...all).toFixed(1)} s (most)`;
const shown = (late: Percentiles | null) =>
  late ? `${late.p50.toFixed(2)} ms (median), ${late.p99.toFixed(1)} (p99), ${late.p999.toFixed(1)} (p99.9), ${late.max.toFixed(0)} (most)` : '–'; // prettier-ignore
const { made, once, doubled, lost, labelsLost, versions, halfApplied, attempts, stuck, seconds } =
  account;
const { recoveries, late } = account;
console.log(
  [
    `${made} episodes in ${seconds} s: ${once} stored once, ${doubled} doubled, ${lost} lost; labels of ${labelsLost} lost`,
    `${versions} versions taken over, ${halfApplied} half applied`,
    `${attempts.made} attempts by workers: ${attempts.doubled} doubled, ${attempts.lost} lost`,
    `${stuck} times something did not get through again within a minute`,
    `after a round of faults episodes and versions got through again within ${shownSeconds(recoveries.link)}, attempts within ${shownSeconds(recoveries.attempts)}`,
    `control steps were late by ${shown(late.robots)} on robots, by ${shown(late.idle)} in a process that does nothing else`,
  ].join('\n'),
);
const wrong = doubled + labelsLost + halfApplied + stuck + attempts.doubled + attempts.lost;
if (once < made || wrong > 0) process.exitCode = 1;

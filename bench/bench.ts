import { parseArgs } from 'node:util';
import { benchChoice } from './choice.ts';
import { benchConsole } from './console.ts';
import { benchControl } from './control.ts';
import { benchControlBeside } from './controlBeside.ts';
import { benchEpisodes } from './episodes.ts';
import { benchFull } from './full.ts';
import { benchFullCpu } from './fullCpu.ts';
import { benchGuard } from './guard.ts';
import { endWithHelp } from './help.ts';
import { benchImages } from './images.ts';
import { benchLearning } from './learning.ts';
import { benchLink } from './link.ts';
import { benchLora } from './lora.ts';
import { benchManyRobots } from './manyRobots.ts';
import { benchNats } from './nats.ts';
import { benchOcto } from './octo.ts';
import { benchOpenVla } from './openVla.ts';
import { benchOpenVlaCpu } from './openVlaCpu.ts';
import { benchOperators } from './operators.ts';
import { benchPi0Fast } from './pi0Fast.ts';
import { benchPrecision } from './precision.ts';
import { benchRos } from './ros.ts';
import type { Row } from './row.ts';
import { benchSampling } from './sampling.ts';
import { benchScenes } from './scenes.ts';
import { benchServing } from './serving.ts';
import { benchSim } from './sim.ts';
import { benchSwap } from './swap.ts';
import { benchTraining } from './training.ts';

const { positionals: wanted, values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '1' },
    alone: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const SECTIONS: Record<string, () => Promise<Row[]>> = {
  sampling: benchSampling,
  octo: benchOcto,
  'pi0-fast': benchPi0Fast,
  images: benchImages,
  precision: benchPrecision,
  operators: benchOperators,
  swap: benchSwap,
  choice: benchChoice,
  control: () => benchControl(Number(values.minutes), values.alone),
  'control-beside': benchControlBeside,
  console: benchConsole,
  sim: benchSim,
  scenes: benchScenes,
  guard: benchGuard,
  episodes: benchEpisodes,
  training: benchTraining,
  lora: benchLora,
  learning: benchLearning,
  link: benchLink,
  nats: benchNats,
  'many-robots': () => benchManyRobots(Number(values.minutes)),
  serving: benchServing,
  ros: benchRos,
  full: benchFull,
  'full-cpu': benchFullCpu,
  openvla: benchOpenVla,
  'openvla-cpu': benchOpenVlaCpu,
};

/** Too large for every machine: run where they are named. */
const ON_REQUEST = ['many-robots', 'full', 'full-cpu', 'openvla-cpu'];

const HELP = `npm run bench -- [SECTION ...] [--minutes N] [--alone]

Measures, and prints each figure beside its target. Sections: ${Object.keys(SECTIONS).join(', ')};
all of them where none is named, but for ${ON_REQUEST.join(', ')}.

  --minutes N   of the control loop, with and without a learner, and of many robots (1)
  --alone       the control loop without a learner only`;

function format({ name, value, unit, target, better, note }: Row): string {
  const figure = `${value.toPrecision(3).padStart(8)} ${unit}`;
  if (target === undefined || better === undefined) {
    return `  ${name.padEnd(44)}${figure}${note ? `  (${note})` : ''}`;
  }
  const met = better === 'more' ? value >= target : value <= target;
  const aim = `${better === 'more' ? 'at least' : 'at most'} ${target}`;
  return `  ${name.padEnd(44)}${figure.padEnd(24)}${aim.padEnd(16)}${met ? 'met' : 'MISSED'}`;
}

const unknown = wanted.find((name) => !(name in SECTIONS));
if (unknown !== undefined || values.help) endWithHelp(HELP, values.help, 'no section', unknown);
for (const [name, measure] of Object.entries(SECTIONS)) {
  if (!wanted.includes(name) && (wanted.length > 0 || ON_REQUEST.includes(name))) continue;
  console.log(`${name} (medians)`);
  for (const row of await measure()) console.log(format(row));
}

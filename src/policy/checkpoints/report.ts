import { titleOf } from './family.ts';
import type { Imported } from './importPolicy.ts';

const PRECISIONS: Record<string, string> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  U8: 'few bits',
};

const millions = (count: number) => `${(count / 1e6).toFixed(count < 1e8 ? 2 : 0)} million`;

const size = (bytes: number) =>
  bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;

/** Types of the weights, the commonest first. */
const precisions = ({ precisions, parameters }: Imported) =>
  [...precisions]
    .sort(([, a], [, b]) => b - a)
    .map(([dtype, count]) =>
      count === parameters
        ? PRECISIONS[dtype]
        : `${PRECISIONS[dtype]} (${((100 * count) / parameters).toFixed(1)} %)`,
    )
    .join(' and ');

function vectors({ bundle, adapt, units, stateInPrompt, delta }: Imported): string[] {
  const mask = bundle.transforms.flatMap((one) => (one.type === 'deltaActions' ? one.mask : []));
  return [
    ...(adapt
      ? [
          `${adapt.value ? "π's space: joints flipped, grippers as angles" : "ALOHA's own joints and openings"} (${adapt.by})`,
        ]
      : []),
    ...(units ? [`joints in ${units.value} (${units.by})`] : []),
    ...(stateInPrompt
      ? [`state ${stateInPrompt.value ? 'in the prompt' : 'not read'} (${stateInPrompt.by})`]
      : []),
    ...(delta
      ? [
          `actions ${delta.value ? `relative to the state, mask ${mask.join(',')}` : 'absolute'} (${delta.by})`,
        ]
      : []),
  ];
}

const finite = ({ looked }: Imported) =>
  looked === 1
    ? 'all weights were looked at'
    : `blocks of all tensors were looked at, ${(100 * looked).toPrecision(2)} % of the weights`;

const adapter = ({ folder, base, merged, replaced }: NonNullable<Imported['peft']>) =>
  `${folder}, LoRA of ${merged} weights merged into ${base}${replaced > 0 ? `, ${replaced} tensors instead of its own` : ''}`;

/** What an import found and chose: pairs of label and text. */
export function importReport(imported: Imported): [string, string][] {
  const { bundle, family, parameters, bytes, files, placement, statistics, peft } = imported;
  const { transforms } = bundle;
  const { type } = transforms[transforms.length - 1];
  return [
    ['family', titleOf(family)],
    ['robot', `${imported.robot.value} (${imported.robot.by})`],
    ['weights', `${millions(parameters)} parameters, ${precisions(imported)}`],
    ...(peft ? [['adapter', adapter(peft)] as [string, string]] : []),
    ['finite', finite(imported)],
    ['files', `${files === 1 ? 'one file' : `${files} shards`} of ${size(bytes)}, ${placement}`],
    ['sampling', imported.sampling],
    ['statistics', `${statistics.value} (${type})`],
    ['normalised', `by ${statistics.by}`],
    ...(imported.tokenizer ? [['tokenizer', imported.tokenizer] as [string, string]] : []),
    ...(imported.actionTokenizer
      ? [['actions by', imported.actionTokenizer] as [string, string]]
      : []),
    ['cameras', `${imported.cameras.value.join(', ')} (${imported.cameras.by})`],
    ...vectors(imported).map((line): [string, string] => ['vectors', line]),
    ...imported.notes.map((note): [string, string] => ['note', note]),
  ];
}

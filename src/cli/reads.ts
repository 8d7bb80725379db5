import type { Rules } from './rules.ts';

const SAMPLED = ['--join exact', '--join approximate', '--join trained'];

/** What is not read by --snapshot, which runs nothing. */
const NOT_SHOWN = [
  ...['--policy', '--expert', '--episodes', '--zero-noise', '--join', '--delay', '--execute'],
  ...['--real-time', '--watch', '--record', '--json', '--success-classifier', '--session'],
  ...['--metrics-port', '--metrics-host'],
];

/** When options are read that are not always read, by command. */
export const READS: Record<string, Rules> = {
  sim: {
    '--policy': { without: ['--expert'] },
    '--zero-noise': { without: ['--expert'] },
    '--execute': { without: ['--expert'] },
    '--session': { without: ['--expert'] },
    '--expert': { without: SAMPLED },
    '--watch': { without: ['--json'] },
    '--metrics-host': { with: ['--metrics-port'] },
    '--snapshot': { without: NOT_SHOWN },
    '--force': { with: ['--snapshot'] },
  },
  imitate: {
    '--rank': { with: ['--train lora'] },
    '--layers': { with: ['--train lora'] },
    '--renormalise': { with: ['--from', '--train all'] },
    '--force': { without: ['--resume'] },
  },
  create: { '--precision': { with: ['--size full'] } },
  import: { '--copy': { without: ['--prefix-bits'] } },
  verify: { '--json': { without: ['--write'] }, '--force': { with: ['--write'] } },
  check: {
    '--sim-time': { with: ['--robot ros'] },
    '--seed': { with: ['--robot sim'] },
  },
  calibrate: { '--sim-time': { with: ['--robot ros'] } },
};

import { access, constants, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { makeWithParents } from '../files/makeFolder.ts';
import { UserError } from '../errors.ts';
import { wholePath } from '../episodes/files.ts';
import { invocation } from '../terminal/invocation.ts';
import { gapSchema } from '../sim/gap.ts';
import type { SceneChoice } from '../sim/simulatedAloha.ts';
import type { SimTaskName } from '../sim/taskNames.ts';
import { readYaml, validate } from '../validate.ts';
import { demoId, leadOf } from './demo.ts';
import { type DemoCounts, createDemoReport } from './demoReport.ts';
import { recordDemos } from './recordDemos.ts';
import { EXPERT_HORIZON } from './expertPolicy.ts';
import { reasonOf } from '../systemErrors.ts';
import type { Output } from '../terminal/output.ts';
import { duration } from '../terminal/speaker.ts';

export interface DemosOptions extends SceneChoice {
  task: SimTaskName;
  episodes: number;
  seed: number;
  processes?: number;
  every: number;
  vary?: string;
}

function checkEvery(every: number): void {
  if (every + leadOf(every) > EXPERT_HORIZON)
    throw new UserError(
      `--every ${every}: the expert plans ${EXPERT_HORIZON} control steps at a time; give at most ${EXPERT_HORIZON - 2}`,
      { kind: 'invalid', subject: '--every' },
    );
}

async function prepareFolder(folder: string): Promise<void> {
  try {
    await makeWithParents(folder);
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new UserError(`${folder}: cannot be written: ${reasonOf(error)}`, {
      ...{ cause: error, subject: folder },
    });
  }
}

/** Bytes of a seed's finished episode; undefined if there is none. */
const sizeOf = (folder: string, task: string, seed: number): Promise<number | undefined> =>
  stat(wholePath(folder, demoId(task, seed))).then(
    ({ size }) => size,
    () => undefined,
  );

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Records demonstrations by the scripted expert, until all are recorded or the signal aborts. */
export async function recordDemonstrations(
  folder: string,
  { task, episodes, seed: first, processes, every, vary, scene, sceneMap }: DemosOptions,
  { out, signal }: { out: Output; signal: AbortSignal },
): Promise<'done' | 'interrupted'> {
  checkEvery(every);
  const most = vary && validate(gapSchema, await readYaml(vary), vary);
  await prepareFolder(folder);
  const seeds = Array.from({ length: episodes }, (_, episode) => first + episode);
  const sizes = () => Promise.all(seeds.map((seed) => sizeOf(folder, task, seed)));
  const before = await sizes();
  const lacking = seeds.filter((_, i) => before[i] === undefined);
  const found = episodes - lacking.length;

  const report = createDemoReport(lacking.length, out);
  if (found > 0) report.say(`${found} of ${episodes} episodes are there already`);
  const counts: DemoCounts = { recorded: 0, failed: 0 };
  if (lacking.length > 0) report.progress(counts);
  await recordDemos({
    settings: { folder, task, every, scene, sceneMap, ...(most && { most }) },
    seeds: lacking,
    processes: processes ?? availableParallelism(),
    onDemo(outcome) {
      counts.recorded += 1;
      counts.failed += Number(outcome !== 'success');
      report.progress(counts);
    },
    signal,
  });

  const bytes = (await sizes()).reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const there = found + counts.recorded;
  report.say(
    `${counts.recorded} recorded in ${duration(report.elapsed())}, ${counts.failed} of them failed` +
      `${counts.failed > 0 ? ' (kept, but training leaves them out)' : ''}; ` +
      `${there} of ${episodes} episodes are in ${folder}, ${megabytes(bytes)}`,
  );
  if (signal.aborted) return 'interrupted';
  report.say(`Next: ${invocation(`imitate ${folder} --out DIR`)}`);
  return 'done';
}

import { appendFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, codeOf, messageOf } from '../errors.ts';
import { readCheckpoint, writeCheckpoint } from '../learning/checkpoint.ts';
import { type TrainingEvent, lossCurve } from '../learning/lossCurve.ts';
import type { TrainingState } from '../learning/trainer.ts';
import type { Parameter } from '../policy/trainable.ts';

/** What a training run keeps beside its bundle. */
const FILES = { checkpoint: 'checkpoint.safetensors', log: 'log.jsonl', curve: 'loss.svg' };

const parseLog = (text: string): TrainingEvent[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TrainingEvent);

async function readIfThere(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw new UserError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
}

/** Opens `OUT/training`: checkpoint, log as JSON lines, and curve of a run; what a kill left of a write goes. */
export async function openTrainingFolder(out: string, title: string) {
  const folder = join(out, 'training');
  const [checkpoint, log, curve] = [FILES.checkpoint, FILES.log, FILES.curve].map((file) =>
    join(folder, file),
  );
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw new UserError(`${folder}: cannot be made: ${messageOf(error)}`, { cause: error });
  });
  for (const file of await readdir(folder))
    if (file.endsWith('.partial')) await rm(join(folder, file));
  let events: TrainingEvent[] = [];

  return {
    checkpoint,
    curve,
    save: (state: TrainingState, run: string, parameters: readonly Parameter[]) =>
      writeCheckpoint(checkpoint, { state, run }, parameters),
    /** The state to go on from; throws a `UserError` if the checkpoint is of another run. */
    async load(parameters: readonly Parameter[], run: string): Promise<TrainingState> {
      const { state, run: then } = await readCheckpoint(checkpoint, parameters);
      if (then !== run)
        throw new UserError(
          `${checkpoint} is of a run with other settings or demonstrations:\n  then ${then}\n  now  ${run}`,
        );
      return state;
    },
    /** Keeps the log's lines up to a step, where a resumed run goes on; none for a new run. */
    async rewind(step: number) {
      events = parseLog(step > 0 ? await readIfThere(log) : '').filter(
        (event) => event.step <= step,
      );
      await writeFile(log, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    },
    async tell(event: TrainingEvent) {
      events.push(event);
      await appendFile(log, `${JSON.stringify(event)}\n`);
    },
    draw: () => writeFile(curve, lossCurve(events, title)),
  };
}

export type TrainingFolder = Awaited<ReturnType<typeof openTrainingFolder>>;

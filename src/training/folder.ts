import { dirname, join } from 'node:path';
import { UserError, listed } from '../errors.ts';
import { appendJsonLines, readJsonLines } from '../files/jsonLines.ts';
import { makeFolder } from '../files/makeFolder.ts';
import { readCheckpoint, writeCheckpoint } from '../learning/train/checkpoint.ts';
import { type TrainingEvent, lossCurve } from '../charts/lossCurve.ts';
import type { TrainingState } from '../learning/train/trainer.ts';
import { readSafetensorsHeader } from '../tensors/safetensors.ts';
import { TRAINING_FILES } from '../policy/bundle/bundleFiles.ts';
import type { Parameter } from '../policy/trainable.ts';
import { parseJson } from '../validate.ts';
import { writeWhole } from '../files/writeWhole.ts';
import { type BegunRun, differences } from './begunRun.ts';

/** Where a training run keeps what it needs to go on. */
export const trainingFiles = (out: string) => ({
  checkpoint: join(out, TRAINING_FILES.checkpoint),
  log: join(out, TRAINING_FILES.log),
  curve: join(out, TRAINING_FILES.curve),
});

/** Opens `OUT/training`: checkpoint, log as JSON lines, and curve of a run. */
export async function openTrainingFolder(out: string, title: string) {
  const { checkpoint, log, curve } = trainingFiles(out);
  const folder = dirname(checkpoint);
  await makeFolder(folder);
  let events: TrainingEvent[] = [];

  return {
    checkpoint,
    curve,
    save: (state: TrainingState, run: BegunRun, parameters: readonly Parameter[]) =>
      writeCheckpoint(checkpoint, { state, run: JSON.stringify(run) }, parameters),
    /** The state to go on from; throws a `UserError` that says in what the checkpoint is of another run. */
    async load(parameters: readonly Parameter[], run: BegunRun): Promise<TrainingState> {
      const then = (await readSafetensorsHeader(checkpoint)).metadata.run;
      const apart = then ? differences(parseJson(then, checkpoint) as object, run) : [];
      if (apart.length > 0)
        throw new UserError(
          `${checkpoint} is of a run with other settings or demonstrations; --resume goes on with what it was begun with, another --out begins anew:${listed(apart)}`,
          { kind: 'mismatch', subject: checkpoint },
        );
      return (await readCheckpoint(checkpoint, parameters)).state;
    },
    /** Keeps the log's lines up to a step, where a resumed run goes on; none for a new run. */
    async rewind(step: number) {
      events = (step > 0 ? await readJsonLines<TrainingEvent>(log) : []).filter(
        (event) => event.step <= step,
      );
      await writeWhole(log, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    },
    async tell(event: TrainingEvent) {
      events.push(event);
      await appendJsonLines(log, [event]);
    },
    draw: () => writeWhole(curve, lossCurve(events, title)),
  };
}

export type TrainingFolder = Awaited<ReturnType<typeof openTrainingFolder>>;

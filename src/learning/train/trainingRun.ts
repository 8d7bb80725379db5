import type { Adapter } from '../../policy/bundle/adapter.ts';
import type { Parameter } from '../../policy/trainable.ts';
import { adapterParameters } from './parameters.ts';
import type { StepReport, Trainer, TrainingState } from './trainer.ts';

/** A run that trains a policy on demonstrations. */
export interface TrainingRun {
  parameters: Parameter[];
  /** See Trainer. */
  readonly state: TrainingState;
  step(): Promise<StepReport>;
  /** A copy of the averaged parameters. */
  averaged(): Adapter['parameters'];
  close(): Promise<void>;
}

/** A copy of a trainer's averaged parameters. */
export const averagedParameters = (
  { state }: Pick<Trainer, 'state'>,
  parameters: readonly Parameter[],
): Adapter['parameters'] => adapterParameters(state.vectors.average.slice(), parameters);

import type { Outcome } from '../../../episodes/outcome.ts';
import { Chip, type Tone } from './Chip.tsx';
import type { IconName } from './Icon.tsx';

const OUTCOMES: Record<Outcome, { tone: Tone; icon: IconName }> = {
  success: { tone: 'good', icon: 'check' },
  failure: { tone: 'bad', icon: 'cross' },
  discarded: { tone: 'plain', icon: 'bin' },
};

export const OutcomeChip = ({ outcome }: { outcome: Outcome | undefined }) =>
  outcome ? <Chip {...OUTCOMES[outcome]}>{outcome}</Chip> : <Chip icon="warning" tone="warn">cut off</Chip>; // prettier-ignore

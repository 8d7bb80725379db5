import type { ComparisonState } from '../../protocol.ts';
import { Card } from '../parts/Card.tsx';
import { Icon } from '../parts/Icon.tsx';

/** A comparison that is under way. */
export const Comparing = ({ made, of }: ComparisonState) => (
  <Card title="Comparison under way" class="comparing">
    <p>
      <strong>{made}</strong> <span class="muted">of {of} attempts judged</span>
    </p>
    <progress aria-label="Attempts of the comparison" max={of} value={made} />
    <p class="muted">Which version plays, and how they stand, is told when all are judged.</p>
    <a class="button primary" href="#operate">
      <Icon name="hand" />
      <span>Judge the attempts</span>
    </a>
  </Card>
);

import type { ComparisonState } from '../../protocol.ts';
import { ask } from '../live/connection.ts';
import { isOffered, reasonAgainstOperating } from '../operate/actions.ts';
import { Button } from '../parts/Button.tsx';
import { Card } from '../parts/Card.tsx';
import { Icon } from '../parts/Icon.tsx';
import { report } from '../parts/notices.ts';

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
    {isOffered('endComparison') && (
      <Button
        icon="cross"
        reason={reasonAgainstOperating()}
        onPress={() => void report(ask('endComparison', null))}
      >
        End it without a verdict
      </Button>
    )}
  </Card>
);

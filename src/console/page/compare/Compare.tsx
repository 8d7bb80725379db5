import { topics } from '../live/topics.ts';
import { CompareForm } from './CompareForm.tsx';
import { Comparing } from './Comparing.tsx';
import { Results } from './Results.tsx';
import { isBlind } from '../live/playing.ts';

/** Which of two versions is better, judged without knowing which plays. */
export function Compare() {
  const comparison = topics.phase.value?.comparison;
  return (
    <div class="compare">
      {comparison && isBlind.value ? <Comparing {...comparison} /> : <CompareForm />}
      <Results />
    </div>
  );
}

import { computed } from '@preact/signals';
import { link } from './connection.ts';
import { topics } from './topics.ts';

/** Whether there is a robot; a console may also show only what was learned or recorded. */
export const hasRobot = computed(
  () => topics.robot.value !== undefined || topics.phase.value?.phase !== 'absent',
);

/** Whether there are recorded episodes alone: no robot, no learner, no calibration. */
export const hasEpisodesOnly = computed(
  () => !hasRobot.value && !topics.learning.value && !topics.calibration.value,
);

/** Whether this page may operate at all. */
export const mayOperate = computed(() => link.value.state === 'live' && link.value.role === 'operate'); // prettier-ignore

/** Whether this page has the seat of the operator. */
export const hasSeat = computed(() => {
  const operator = topics.crew.value?.operator;
  return link.value.state === 'live' && operator?.id === link.value.id;
});

/** Who has the seat. */
export const operatorName = computed(() => topics.crew.value?.operator?.name);

import { computed } from '@preact/signals';
import { link } from './connection.ts';
import { topics } from './topics.ts';

/** Whether this page may operate at all. */
export const mayOperate = computed(() => link.value.state === 'live' && link.value.role === 'operate'); // prettier-ignore

/** Whether this page has the seat of the operator. */
export const hasSeat = computed(() => {
  const operator = topics.crew.value?.operator;
  return link.value.state === 'live' && operator?.id === link.value.id;
});

/** Who has the seat. */
export const operatorName = computed(() => topics.crew.value?.operator?.name);

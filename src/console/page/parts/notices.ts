import { signal } from '@preact/signals';
import { messageOf } from '../../../errors.ts';

export interface Notice {
  id: number;
  text: string;
  level: 'info' | 'warn';
}

const MOST = 3;
const LASTS = { info: 5000, warn: 9000 };

/** Short sentences for the person, oldest first. */
export const notices = signal<Notice[]>([]);
let last = 0;

export const dismiss = (id: number) =>
  (notices.value = notices.value.filter((notice) => notice.id !== id));

export function notify(text: string, level: Notice['level'] = 'info'): void {
  const id = ++last;
  const others = notices.value.filter((notice) => notice.text !== text);
  notices.value = [...others, { id, text, level }].slice(-MOST);
  setTimeout(() => dismiss(id), LASTS[level]);
}

/** Says what an ask was answered, or why it was refused. */
export async function report(answer: Promise<{ says?: string }>): Promise<boolean> {
  try {
    const { says } = await answer;
    if (says) notify(says);
    return true;
  } catch (error) {
    notify(messageOf(error), 'warn');
    return false;
  }
}

import { signal } from '@preact/signals';
import { messageOf } from '../../../errors.ts';
import { sentence } from '../format.ts';

export interface Notice {
  id: number;
  text: string;
  level: 'info' | 'warn';
}

const MOST = 2;
const LASTS = { info: 5000, warn: 9000 };

/** Short sentences for the person, oldest first. */
export const notices = signal<Notice[]>([]);
let last = 0;

export const dismiss = (id: number) =>
  (notices.value = notices.value.filter((notice) => notice.id !== id));

export function notify(said: string, level: Notice['level'] = 'info'): void {
  const id = ++last;
  const text = sentence(said);
  const others = notices.value.filter((notice) => notice.text !== text);
  notices.value = [...others, { id, text, level }].slice(-MOST);
  setTimeout(() => dismiss(id), LASTS[level]);
}

/** Says what an ask was answered, or why it was refused. */
export const report = (answer: Promise<{ says?: string }>): Promise<boolean> =>
  reportRefusal(answer.then(({ says }) => says && notify(says)));

/** Says why an ask was refused: of what is asked, the page itself shows that it was done. */
export async function reportRefusal(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    notify(messageOf(error), 'warn');
    return false;
  }
}

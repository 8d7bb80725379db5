/** How a command ended that did not fail: all done, by Ctrl-C, or because nobody reads its output any more. */
export type Ending = 'done' | 'interrupted' | 'unread';

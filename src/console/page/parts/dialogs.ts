/** What closes the dialogs that are open, the foremost last. */
const open: (() => void)[] = [];

/** Notes a dialog as open, until what it returns is called. */
export function keepOpen(close: () => void): () => void {
  open.push(close);
  return () => void open.splice(open.indexOf(close), 1);
}

export const isDialogOpen = (): boolean => open.length > 0;

/** Closes the foremost dialog, if one is open. */
export const closeDialog = (): void => open.at(-1)?.();

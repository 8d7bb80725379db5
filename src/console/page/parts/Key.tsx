/** A key as it is written on keyboards. */
export const keyName = (key: string) => (key === 'enter' ? '⏎' : key.toUpperCase());

/** The key of a button, where there is a keyboard. */
export const Key = ({ name }: { name: string }) => (
  <kbd class="keyboard-only" aria-hidden="true">
    {keyName(name)}
  </kbd>
);

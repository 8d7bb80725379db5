/** A choice, and who made it. */
export interface Choice<T> {
  value: T;
  by: string;
}

/**
 * A choice that must be made knowingly: by the user, or else by what the checkpoint says, the first of
 * which is followed. What says otherwise is named.
 */
export function choose(
  given: boolean | undefined,
  ...said: [by: string, value: boolean | null | undefined][]
): Choice<boolean> | undefined {
  const choices = said.filter((one): one is [string, boolean] => typeof one[1] === 'boolean');
  const [by, value] = given === undefined ? (choices[0] ?? []) : ['as you say', given];
  if (by === undefined || value === undefined) return undefined;
  const against = choices.filter(([, other]) => other !== value).map(([other]) => other);
  return { value, by: [by, ...against].join(', against ') };
}

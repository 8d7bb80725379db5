/**
 * What people know the settings of a run by, from the path of a setting, or the beginning of several: an option, or in
 * words. `*` stands for the rest of the path: a field of an option's file.
 */
export type SettingNames = Readonly<Record<string, string>>;

/** What people know a setting by. */
export function settingName(path: string, names: SettingNames): string {
  const parts = path.split('.');
  for (let length = parts.length; length > 0; length--) {
    const name = names[parts.slice(0, length).join('.')];
    if (name !== undefined) return name.replace('*', parts.slice(length).join('.'));
  }
  return path;
}

/** How a setting differs between a run and the one that is to go on from it. */
export const settingDifference = (
  path: string,
  { then, now }: { then: string; now: string },
  names: SettingNames,
): string => `${settingName(path, names)}: ${then} then, ${now} now`;

import { effect, signal } from '@preact/signals';
import { stored } from './stored.ts';

const darkDevice = window.matchMedia('(prefers-color-scheme: dark)');
const deviceIsDark = signal(darkDevice.matches);
darkDevice.addEventListener('change', ({ matches }) => (deviceIsDark.value = matches));

/** Light or dark as the person chose; undefined: as the device says. */
const chosen = signal(stored.get('theme'));

/** Whether the page is dark. */
export const isDark = () =>
  chosen.value === undefined ? deviceIsDark.value : chosen.value === 'dark';

/** What canvases draw with: the custom properties of page.css by name. */
const COLOURS = ['surface', 'sunken', 'text', 'muted', 'line', 'accent', 'good', 'bad', 'warn', 'series-2'] as const; // prettier-ignore
export type Palette = Record<(typeof COLOURS)[number], string>;
export const palette = signal({} as Palette);

/** Keeps the document in the theme. */
export const applyTheme = () =>
  effect(() => {
    document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
    const style = getComputedStyle(document.documentElement);
    palette.value = Object.fromEntries(
      COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
    ) as Palette;
  });

export function switchTheme(): void {
  chosen.value = isDark() ? 'light' : 'dark';
  stored.set('theme', chosen.value);
}

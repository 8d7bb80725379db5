import { useState } from 'preact/hooks';
import { KeysDialog } from './KeysDialog.tsx';
import { SeatButton } from './SeatButton.tsx';
import { topics } from './live/topics.ts';
import { Chip } from './parts/Chip.tsx';
import { Icon } from './parts/Icon.tsx';
import { TABS, tab, tabs } from './route.ts';
import { isDark, switchTheme } from './theme.ts';

function Tabs() {
  return (
    <nav class="tabs" aria-label="Tabs">
      {tabs.value.map((name) => (
        <a key={name} href={`#${name}`} aria-current={tab.value === name ? 'page' : undefined}>
          <Icon name={TABS[name].icon} />
          <span>{TABS[name].label}</span>
        </a>
      ))}
    </nav>
  );
}

function RobotName() {
  const robot = topics.robot.value;
  if (!robot) return null;
  return (
    <>
      <span class="robot-name">{robot.name}</span>
      {robot.simulated && <Chip icon="info">simulated</Chip>}
      {robot.dry && (
        <Chip icon="eye" tone="warn">
          only observed
        </Chip>
      )}
    </>
  );
}

/** Where one is, who operates, and what the page looks like. */
export function TopBar() {
  const [keysAreShown, showKeys] = useState(false);
  const dark = isDark();
  return (
    <header class="top-bar">
      <div class="brand">
        <svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true">
          <path d="M2 15C7 15 8 4 15 4c5 0 6 5 3 6.5M14 15c6 0 7-7 16-7" />
        </svg>
        <h1>Nalu</h1>
        <RobotName />
      </div>
      <Tabs />
      <div class="top-actions">
        <SeatButton />
        <button
          type="button"
          class="quiet wide-only"
          aria-label="Keys"
          onClick={() => showKeys(true)}
        >
          <Icon name="keys" />
        </button>
        <button
          type="button"
          class="quiet"
          aria-label={dark ? 'Light theme' : 'Dark theme'}
          onClick={switchTheme}
        >
          <Icon name={dark ? 'sun' : 'moon'} />
        </button>
      </div>
      {keysAreShown && <KeysDialog onClose={() => showKeys(false)} />}
    </header>
  );
}

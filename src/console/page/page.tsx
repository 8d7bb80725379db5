import { render } from 'preact';
import { App } from './App.tsx';
import { connect } from './live/connection.ts';
import { keepSeat } from './live/keepSeat.ts';
import { listenToKeys } from './keys.ts';
import { applyTheme } from './theme.ts';

applyTheme();
connect();
keepSeat();
listenToKeys();
render(<App />, document.getElementById('page')!);

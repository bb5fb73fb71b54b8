// The door and what hangs on it: leaf, strike, exit button, contact, tamper, fire
// alarm.

import {call, wait} from './call.js';
import {pressed} from './cards.js';

const by = (id) => document.getElementById(id);
const door = by('door');
const leaf = by('leaf');
const strike = by('strike');
const exit = by('exit');

let now = {strike: false, 'door-open': false, tamper: false, fire: false};
let energised = 0; // when it was
let clock;

const set = (name, active) => call('PUT', `/api/lines/${name}`, {active});

// A leaf that the strike holds only rattles; one that stands open is closed.
leaf.addEventListener('click', () => {
  if (now['door-open']) return set('door-open', false);
  if (now.strike) return set('door-open', true);
  leaf.classList.remove('rattle');
  void leaf.offsetWidth; // begin the animation anew
  leaf.classList.add('rattle');
  by('status').textContent = 'The door is locked.';
});
leaf.addEventListener('animationend', () => leaf.classList.remove('rattle'));

pressed(exit, async (end) => {
  exit.classList.add('down');
  const rested = wait(180);
  await set('exit-button', true);
  await end;
  await rested;
  await set('exit-button', false);
  exit.classList.remove('down');
});

for (const name of ['door-open', 'tamper', 'fire']) {
  by(name).addEventListener('click', () => set(name, !now[name]));
}

function tick() {
  strike.textContent = `energised ${((performance.now() - energised) / 1000).toFixed(1)} s`;
}

export function lines(next) {
  if (next.strike !== now.strike) {
    clearInterval(clock);
    if (next.strike) {
      energised = performance.now();
      clock = setInterval(tick, 100);
      tick();
    } else {
      strike.textContent = 'released';
    }
    by('status').textContent = next.strike ? 'Strike energised: push the door.' : 'Strike released.';
  }
  now = next;
  door.classList.toggle('free', now.strike);
  door.classList.toggle('open', now['door-open']);
  document.body.classList.toggle('energised', now.strike);
  document.body.classList.toggle('tampered', now.tamper);
  leaf.setAttribute('aria-label', now['door-open'] ? 'Close the door' : 'Push the door');
  by('buzzer').textContent = now.buzzer ? 'sounding' : 'silent';
  by('buzzer').classList.toggle('on', now.buzzer);
  for (const [name, yes, no] of [['door-open', 'open', 'closed'], ['tamper', 'case open', 'case closed'], ['fire', 'alarm', 'quiet']]) {
    by(name).setAttribute('aria-checked', now[name]);
    by(name.replace('-open', '') + '-state').textContent = now[name] ? yes : no;
  }
}

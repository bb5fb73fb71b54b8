// Follows the board: what its stream says goes to screen, door, cards, buzzer.

import * as screen from './screen.js';
import {lines} from './door.js';
import {lay, show} from './cards.js';
import {drawer} from './drawer.js';
import {buzzer} from './sound.js';
import {faults} from './faults.js';

const by = (id) => document.getElementById(id);

const messages = {
  name(m) {
    document.title = m.name ? `${m.name} (simulated)` : 'Simulated reader';
    by('name').textContent = m.name || 'Reader';
    by('sign').textContent = m.name || 'Reader';
  },
  board(m) {
    screen.size(m.width, m.height);
    lay(m.cards);
  },
  lines(m) {
    lines(m.lines);
    show(m.card);
    document.body.classList.toggle('dark', !m.backlight);
  },
  sound(m) {
    buzzer(m.on);
  },
  controls(m) {
    screen.controls(m.controls);
  },
  drawer(m) {
    drawer(m.cards);
  },
  faults(m) {
    faults(m.faults);
  },
  records(m) {
    by('records-box').hidden = false;
    by('records').replaceChildren(...m.records.slice(-6).map((record) => {
      const item = document.createElement('li');
      item.textContent = record;
      return item;
    }));
  },
};

let again = 250; // ms until the next try

function follow() {
  const stream = new WebSocket(`ws://${location.host}/api/stream`);
  stream.binaryType = 'arraybuffer';
  stream.addEventListener('open', () => {
    again = 250;
    document.body.classList.remove('off');
  });
  stream.addEventListener('message', ({data}) => {
    if (typeof data !== 'string') return screen.draw(data);
    const message = JSON.parse(data);
    messages[message.type]?.(message);
  });
  stream.addEventListener('close', () => {
    document.body.classList.add('off');
    buzzer(false);
    screen.controls([]);
    setTimeout(follow, again);
    again = Math.min(4000, again * 2);
  });
}
follow();

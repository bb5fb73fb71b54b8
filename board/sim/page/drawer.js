// Cards with a chip: new ones, and a drawer of those that were used before. Pressed,
// they lie on the reader until they are torn away. A copy has the same UID, and no
// chip behind it.

import {face, hold, know, pressed, put, show} from './cards.js';

const box = document.getElementById('drawer');
const names = {
  'desfire-d40': 'DESFire D40', 'desfire-ev1': 'DESFire EV1', 'desfire-ev2': 'DESFire EV2', 'desfire-ev3': 'DESFire EV3',
  'ntag424': 'NTAG 424',
};

for (const button of document.querySelectorAll('[data-new]')) {
  button.addEventListener('click', () => put({kind: button.dataset.new}));
}

function button(className, label, uid) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = className;
  made.dataset.uid = uid;
  made.setAttribute('aria-label', label);
  return made;
}

// drawer lays the cards that were used before on the page. Whoever had the keyboard's
// focus keeps it.
export function drawer(cards) {
  const focus = box.contains(document.activeElement) && document.activeElement;
  box.replaceChildren(...cards.map(({uid, kind}) => {
    const name = names[kind] ?? kind;
    const colour = kind === 'ntag424' ? 'colour-2' : 'colour-0';
    know(uid, name, colour);
    const card = button(`card ${colour}`, `Lay ${name} ${uid} on the reader`, uid);
    face(card, name, uid);
    card.addEventListener('click', () => put({uid, kind}));
    const copy = button('button small', `Hold a copy of ${name} ${uid} to the reader`, uid);
    copy.textContent = 'Hold a copy';
    pressed(copy, (end) => hold({uid, kind: 'copy'}, end));
    const item = document.createElement('li');
    item.append(card, copy);
    return item;
  }));
  box.hidden = cards.length === 0;
  show();
  if (focus) [...box.querySelectorAll('button')].find((b) => b.dataset.uid === focus.dataset.uid && b.classList.contains('card') === focus.classList.contains('card'))?.focus();
}

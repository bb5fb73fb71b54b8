// Cards: pressed, they are held to the reader for as long, and long enough to
// be read.

import {call, wait} from './call.js';

const shortest = 900; // ms
const away = 1200; // ms: sooner back, a card was never away for the reader

const box = document.getElementById('cards');
const held = document.getElementById('held');
const form = document.getElementById('other');
const field = document.getElementById('uid');
const tear = document.getElementById('tear');
const slip = document.getElementById('slip');

const spaced = (uid) => uid.toUpperCase().replace(/..(?=.)/g, '$& ');
const known = new Map(); // uid -> [name, class]
let lying = ''; // uid of the card on the reader
let copy = false; // the one that this page brought last is
let gone = -away; // when the last one left it
let turn = 0; // counts presentations: a later card is not taken away by an earlier one's end

// bring brings a card to the reader, unless another one comes meanwhile.
async function bring(card) {
  const mine = ++turn;
  await wait(gone + away - performance.now());
  if (turn !== mine) return false;
  if (!await call('PUT', '/api/card', card)) return false;
  copy = card.kind === 'copy';
  show(); // the card before may have had its UID
  return mine;
}

export async function hold(card, until) {
  const mine = await bring(card);
  if (!mine) return;
  await Promise.all([until, wait(shortest)]);
  if (turn === mine) await call('DELETE', '/api/card');
}

// put lays a card on the reader, where it stays, unless it is to slip: that is over with
// one card.
export async function put(card) {
  if (!slip.reportValidity()) return;
  const tear = slip.value === '' ? undefined : Number(slip.value);
  if (await bring({...card, tear})) slip.value = '';
}

// pressed calls start with a promise of the end, for pointers as for keys.
export function pressed(button, start) {
  button.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    start(new Promise((end) => {
      for (const name of ['pointerup', 'pointercancel', 'lostpointercapture']) button.addEventListener(name, end, {once: true});
    }));
  });
  button.addEventListener('click', (event) => event.detail === 0 && start(Promise.resolve()));
  button.addEventListener('contextmenu', (event) => event.preventDefault());
}

// lay puts the cards that the board knows on the page.
export function lay(cards) {
  box.replaceChildren(...cards.map(({name, uid}, i) => {
    const colour = `colour-${i % 4}`;
    known.set(uid, [name, colour]);
    const card = document.createElement('button');
    card.type = 'button';
    card.className = `card ${colour}`;
    card.dataset.uid = uid;
    card.setAttribute('aria-label', `Hold ${name || 'card'} to the reader`);
    face(card, name, uid);
    pressed(card, (end) => hold({uid}, end));
    return card;
  }));
  box.hidden = cards.length === 0;
}

// know remembers the face of a card, for when it lies on the reader.
export const know = (uid, name, colour) => known.set(uid, [name, colour]);

export function face(card, name, uid) {
  const title = document.createElement('b');
  title.textContent = name || 'Card';
  const number = document.createElement('span');
  number.textContent = spaced(uid);
  card.replaceChildren(title, number);
}

// show shows which card lies on the reader; an empty uid is none. Without one it is
// the same as before, when faces have come to be known.
export function show(uid = lying) {
  if (lying !== '' && uid === '') gone = performance.now();
  lying = uid;
  for (const card of document.querySelectorAll('.cards .card')) card.classList.toggle('away', card.dataset.uid === uid && !copy);
  tear.disabled = uid === '';
  held.classList.toggle('shown', uid !== '');
  if (uid === '') return;
  let [name, colour] = known.get(uid) ?? ['', 'colour-other'];
  if (copy) [name, colour] = [`Copy of ${name || 'a card'}`, 'colour-1'];
  held.className = `held card shown ${colour}`;
  face(held, name, uid);
}

tear.addEventListener('click', () => {
  turn++;
  call('DELETE', '/api/card');
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (field.value.trim() === '') return field.focus();
  hold({uid: field.value}, Promise.resolve());
});

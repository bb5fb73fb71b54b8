// The reader's glass: its pixels, the finger on it, and a real button over each
// thing that can be touched, for keyboards, screen readers and scripts.

import {call, wait} from './call.js';

// A finger rests for a moment, however short a click was: the firmware samples
// the touch controller as it does on the board.
const rest = 120;
const between = 50;

const glass = document.getElementById('glass');
const canvas = document.getElementById('screen');
const targets = document.getElementById('targets');
const pen = canvas.getContext('2d', {alpha: false});

export function size(width, height) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  document.documentElement.style.setProperty('--w', width);
  document.documentElement.style.setProperty('--h', height);
  document.documentElement.classList.toggle('large', Math.max(width, height) > 320);
}

// draw puts the pixels of one binary message where they belong.
export function draw(message) {
  const head = new DataView(message, 0, 8);
  const [x, y, w, h] = [0, 2, 4, 6].map((at) => head.getUint16(at));
  pen.putImageData(new ImageData(new Uint8ClampedArray(message, 8), w, h), x, y);
}

// One finger: its moves wait for each other.
const moves = [];
let moving = false;
let since = 0; // when the finger last came or went

async function run() {
  if (moving) return;
  moving = true;
  while (moves.length > 0) {
    const move = moves.shift();
    if (!move.along) {
      await wait(since + (move.down ? between : rest) - performance.now());
      since = performance.now();
    }
    await call('POST', '/api/touch', {x: move.x, y: move.y, down: move.down});
  }
  moving = false;
}

function finger(x, y, down, along = false) {
  if (along && moves.at(-1)?.along) moves.pop();
  moves.push({x, y, down, along});
  run();
}

let held = null; // the pointer that is the finger

function at(event) {
  const box = canvas.getBoundingClientRect();
  const scale = (v, from, span, pixels) => Math.max(0, Math.min(pixels - 1, Math.floor((v - from) * pixels / span)));
  return [scale(event.clientX, box.left, box.width, canvas.width), scale(event.clientY, box.top, box.height, canvas.height)];
}

glass.addEventListener('pointerdown', (event) => {
  if (held !== null || event.button !== 0) return;
  held = event.pointerId;
  glass.setPointerCapture(held);
  finger(...at(event), true);
});
glass.addEventListener('pointermove', (event) => {
  if (event.pointerId === held) finger(...at(event), true, true);
});
for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
  glass.addEventListener(end, (event) => {
    if (event.pointerId !== held) return;
    held = null;
    finger(...at(event), false);
  });
}
glass.addEventListener('contextmenu', (event) => event.preventDefault());

// The buttons over the pixels, by name.
const buttons = new Map();

function press(control) {
  const x = Math.floor(control.x + control.w / 2);
  const y = Math.floor(control.y + control.h / 2);
  finger(x, y, true);
  finger(x, y, false);
}

export function controls(list) {
  const focused = [...buttons.values()].includes(document.activeElement);
  const here = new Set(list.map((control) => control.name));
  for (const [name, button] of buttons) {
    if (!here.has(name)) {
      button.remove();
      buttons.delete(name);
    }
  }
  const order = [...list].sort((a, b) => a.y - b.y || a.x - b.x);
  order.forEach((control, i) => {
    let button = buttons.get(control.name);
    if (!button) {
      button = document.createElement('button');
      button.type = 'button';
      // Without a pointer's events, a keyboard or a screen reader clicked.
      button.addEventListener('click', (event) => event.detail === 0 && press(button.control));
      buttons.set(control.name, button);
    }
    button.control = control;
    button.dataset.name = control.name;
    button.textContent = control.label;
    for (const [property, value, whole] of [['left', control.x, canvas.width], ['top', control.y, canvas.height],
      ['width', control.w, canvas.width], ['height', control.h, canvas.height]]) {
      button.style[property] = `${100 * value / whole}%`;
    }
    if (targets.children[i] !== button) targets.insertBefore(button, targets.children[i] ?? null);
  });
  // Who went by keyboard goes on by keyboard.
  if (focused && !targets.contains(document.activeElement)) targets.firstElementChild?.focus({preventScroll: true});
}

// The computer's own keys press the reader's.
addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.closest?.('input')) return;
  const name = {Backspace: 'backspace', Escape: 'cancel'}[event.key] ?? (/^[0-9]$/.test(event.key) ? `digit-${event.key}` : '');
  const button = buttons.get(name);
  if (!button) return;
  event.preventDefault();
  press(button.control);
});

// Faults on demand: a switch for each, chip by chip. One that happens once has a
// button.

import {call} from './call.js';

const box = document.getElementById('faults');
const state = document.getElementById('faults-state');
const titles = {panel: 'Display', touch: 'Touch', nfc: 'Card reader', strike: 'Strike'};
const rows = new Map(); // name -> [switch, amount]

function row(fault) {
  const line = document.createElement('div');
  const text = document.createElement('span');
  text.textContent = fault.what;
  const amount = document.createElement('small');
  const toggle = document.createElement('button');
  toggle.type = 'button';
  toggle.dataset.fault = fault.name;
  toggle.setAttribute('aria-label', `${titles[fault.name.split('-')[0]]}: ${fault.what}`);
  const once = fault.name.endsWith('-reset');
  if (once) {
    toggle.className = 'button small';
    toggle.textContent = 'Now';
  } else {
    toggle.className = 'switch warn';
    toggle.setAttribute('role', 'switch');
  }
  toggle.addEventListener('click', () => call('PUT', `/api/faults/${fault.name}`, {
    active: once || toggle.getAttribute('aria-checked') !== 'true',
  }));
  text.append(' ', amount);
  line.append(text, toggle);
  rows.set(fault.name, [toggle, amount]);
  return line;
}

function lay(list) {
  let chip = '';
  for (const fault of list) {
    const of = fault.name.split('-')[0];
    if (of !== chip) {
      chip = of;
      const title = document.createElement('h3');
      title.textContent = titles[chip] ?? chip;
      box.append(title);
    }
    box.append(row(fault));
  }
}

// much is an amount in words: shares are said as one in so many.
const much = ({unit, amount}) => unit.startsWith('of ') && amount < 1
  ? `1 in ${Math.round(1 / amount).toLocaleString('en')}` : +amount.toPrecision(3);

export function faults(list) {
  if (rows.size === 0) lay([...list].sort((a, b) => Object.keys(titles).indexOf(a.name.split('-')[0]) - Object.keys(titles).indexOf(b.name.split('-')[0])));
  for (const fault of list) {
    const [toggle, amount] = rows.get(fault.name);
    if (toggle.getAttribute('role') === 'switch') toggle.setAttribute('aria-checked', fault.active);
    amount.textContent = fault.unit && fault.amount ? `${much(fault)} ${fault.unit}` : '';
  }
  const active = list.filter((fault) => fault.active).length;
  state.textContent = active ? `${active} on` : '';
}

// Calls to the board. A call that fails says why at the foot of the page.

const notice = document.getElementById('notice');
let fade;

export function say(text) {
  notice.textContent = text;
  notice.classList.add('shown');
  clearTimeout(fade);
  fade = setTimeout(() => notice.classList.remove('shown'), 5000);
}

export async function call(method, path, body) {
  try {
    const answer = await fetch(path, {
      method,
      headers: body ? {'Content-Type': 'application/json'} : {},
      body: body && JSON.stringify(body),
    });
    if (answer.ok) return true;
    const {error} = await answer.json();
    say(error);
  } catch {
    say('The board does not answer.');
  }
  return false;
}

export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

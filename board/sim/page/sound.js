// The buzzer: a piezo disc. A browser lets a page sound only after it was
// clicked or typed at.

const mute = document.getElementById('mute');
let muted = false;
let volume; // a gain, once there may be sound
let on = false;

function follow() {
  volume?.gain.setTargetAtTime(on && !muted ? 0.045 : 0, volume.context.currentTime, 0.002);
}

export function buzzer(active) {
  on = active;
  follow();
}

function wake() {
  if (muted) return;
  if (!volume) {
    const audio = new AudioContext();
    volume = audio.createGain();
    volume.gain.value = 0;
    const disc = audio.createOscillator();
    disc.type = 'square';
    disc.frequency.value = 2700;
    const body = audio.createBiquadFilter();
    body.type = 'bandpass';
    body.frequency.value = 2700;
    disc.connect(body).connect(volume).connect(audio.destination);
    disc.start();
  }
  volume.context.resume();
}
for (const gesture of ['pointerdown', 'keydown']) addEventListener(gesture, wake, {capture: true});

mute.addEventListener('click', () => {
  muted = !muted;
  mute.setAttribute('aria-pressed', muted);
  if (muted) volume?.context.suspend(); // silence takes a processor, too
  else wake();
  follow();
});

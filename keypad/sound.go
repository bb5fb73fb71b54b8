package keypad

import "time"

// A melody is a rhythm: an active buzzer has only one pitch.
type melody uint8

const (
	silence melody = iota
	clickSound
	grantedSound
	deniedSound
	pausedSound
	readSound // a card to enrol, or the first of two proofs
	writtenSound
	identifySound // repeats while View.Identify
	doorSound     // repeats while View.DoorAlarm
	alarmSound    // repeats while View.Tamper
)

// gap is the silence between two melodies, in milliseconds.
const gap = 100

// patterns say for how many milliseconds the buzzer is on, off, on, … and whether that starts
// again at the end. Those that end, end with gap.
var patterns = [...]struct {
	ms    []int
	again bool
}{
	clickSound:    {ms: []int{12}},
	grantedSound:  {ms: []int{70, 60, 220, gap}},
	deniedSound:   {ms: []int{110, 90, 110, 90, 110, gap}},
	pausedSound:   {ms: []int{700, gap}},
	readSound:     {ms: []int{40, 60, 40, gap}},
	writtenSound:  {ms: []int{40, 60, 40, 60, 160, gap}},
	identifySound: {ms: []int{40, 60, 40, 860}, again: true},
	doorSound:     {ms: []int{150, 850}, again: true},
	alarmSound:    {ms: []int{300, 150}, again: true},
}

// screenSounds are the melodies that screens begin with.
var screenSounds = map[Screen]melody{
	Granted: grantedSound, Denied: deniedSound, Paused: pausedSound, Enrolled: readSound, Written: writtenSound,
	SecondPIN: readSound, SecondCard: readSound,
}

// A sound plays melodies on the buzzer.
type sound struct {
	output
	background melody // plays while nothing else does
	playing    melody
	step       int       // of its pattern; even: on; -1: silence before the first
	stepEnds   time.Time // zero while silent
}

// play begins m, but a click never interrupts anything else.
func (s *sound) play(now time.Time, m melody) {
	if m == silence || m == clickSound && s.playing > clickSound {
		return
	}
	s.begin(now, m)
}

func (s *sound) begin(now time.Time, m melody) {
	s.playing, s.step, s.stepEnds = m, 0, time.Time{}
	switch {
	case m == silence:
	case s.level:
		s.step, s.stepEnds = -1, now.Add(gap*time.Millisecond)
	default:
		s.stepEnds = now.Add(time.Duration(patterns[m].ms[0]) * time.Millisecond)
	}
}

// update sets the buzzer as it should be at now. background plays from now on while nothing
// else does.
func (s *sound) update(now time.Time, background melody) error {
	if s.background != background {
		if s.playing == s.background {
			s.begin(now, silence)
		}
		s.background = background
	}
	for !s.stepEnds.IsZero() && !now.Before(s.stepEnds) {
		p := patterns[s.playing]
		if s.step++; s.step == len(p.ms) {
			if !p.again {
				s.begin(now, silence)
				break
			}
			s.step = 0
		}
		s.stepEnds = s.stepEnds.Add(time.Duration(p.ms[s.step]) * time.Millisecond)
	}
	if s.playing == silence && background != silence {
		s.begin(now, background)
	}
	return s.drive(now, !s.stepEnds.IsZero() && s.step%2 == 0)
}

// backgroundSound returns the melody that plays while nothing else does.
func (k *Keypad) backgroundSound() melody {
	switch {
	case k.view.Screen == Evacuation:
		return silence // a fire alarm has its own sound
	case k.view.Tamper:
		return alarmSound
	case k.view.Identify:
		return identifySound
	case k.view.DoorAlarm:
		return doorSound
	}
	return silence
}

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
	enrolledSound
	identifySound // repeats while View.Identify
	doorSound     // repeats while View.DoorAlarm
	alarmSound    // repeats while View.Tamper
)

// pattern returns for how many milliseconds the buzzer is on, off, on, … and whether it
// starts again at the end.
func (m melody) pattern() (ms []int, again bool) {
	const gap = int(betweenMelodies / time.Millisecond)
	switch m {
	case clickSound:
		return []int{12}, false
	case grantedSound:
		return []int{70, 60, 220, gap}, false
	case deniedSound:
		return []int{110, 90, 110, 90, 110, gap}, false
	case pausedSound:
		return []int{700, gap}, false
	case enrolledSound:
		return []int{40, 60, 40, gap}, false
	case doorSound:
		return []int{150, 850}, true
	case identifySound:
		return []int{40, 60, 40, 860}, true
	case alarmSound:
		return []int{300, 150}, true
	}
	return nil, false
}

// sound returns the melody that a screen begins with.
func (s Screen) sound() melody {
	switch s {
	case Granted:
		return grantedSound
	case Denied:
		return deniedSound
	case Paused:
		return pausedSound
	case Enrolled:
		return enrolledSound
	}
	return silence
}

// betweenMelodies is the silence between two melodies.
const betweenMelodies = 100 * time.Millisecond

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
	if ms, _ := m.pattern(); s.level && len(ms) > 0 {
		s.step, s.stepEnds = -1, now.Add(betweenMelodies)
	} else if len(ms) > 0 {
		s.stepEnds = now.Add(time.Duration(ms[0]) * time.Millisecond)
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
		ms, again := s.playing.pattern()
		s.step++
		if s.step == len(ms) {
			if !again {
				s.begin(now, silence)
				break
			}
			s.step = 0
		}
		s.stepEnds = s.stepEnds.Add(time.Duration(ms[s.step]) * time.Millisecond)
	}
	if s.playing == silence && background != silence {
		s.begin(now, background)
	}
	return s.drive(now, !s.stepEnds.IsZero() && s.step%2 == 0)
}

// backgroundSound returns what sounds while nothing else does.
func (k *Keypad) backgroundSound() melody {
	switch {
	case k.view.Tamper:
		return alarmSound
	case k.view.Identify:
		return identifySound
	case k.view.DoorAlarm:
		return doorSound
	}
	return silence
}

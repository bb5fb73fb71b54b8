package keypad

import "time"

// A melody differs from the others in rhythm, as an active buzzer has one pitch.
type melody uint8

const (
	silence melody = iota
	clickSound
	grantedSound
	deniedSound
	pausedSound
	enrolledSound
	hereSound  // again and again while identified
	doorSound  // again and again while the door should be closed
	alarmSound // again and again while tampered with
)

// turns gives for how many milliseconds the buzzer is on, off, on, … and whether it
// starts over at the end.
func (m melody) turns() (ms []int, again bool) {
	const gap = int(apart / time.Millisecond)
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
	case hereSound:
		return []int{40, 60, 40, 860}, true
	case alarmSound:
		return []int{300, 150}, true
	}
	return nil, false
}

// outcome is how a screen sounds as it comes.
func (s Screen) outcome() melody {
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

// apart is the rest between two melodies.
const apart = 100 * time.Millisecond

// A sound plays melodies on the buzzer.
type sound struct {
	output
	rest  melody // plays whenever nothing else does
	plays melody
	turn  int       // even: on; -1: a rest before the first
	until time.Time // end of the turn; zero while silent
}

// play begins m. A click drowns in anything else.
func (s *sound) play(now time.Time, m melody) {
	if m == silence || m == clickSound && s.plays > clickSound {
		return
	}
	s.begin(now, m)
}

func (s *sound) begin(now time.Time, m melody) {
	s.plays, s.turn, s.until = m, 0, time.Time{}
	if ms, _ := m.turns(); s.level && len(ms) > 0 {
		s.turn, s.until = -1, now.Add(apart)
	} else if len(ms) > 0 {
		s.until = now.Add(time.Duration(ms[0]) * time.Millisecond)
	}
}

// step brings the buzzer to where it should be now; rest plays from now on when nothing
// else does.
func (s *sound) step(now time.Time, rest melody) error {
	if s.rest != rest {
		if s.plays == s.rest {
			s.begin(now, silence)
		}
		s.rest = rest
	}
	for !s.until.IsZero() && !now.Before(s.until) {
		ms, again := s.plays.turns()
		s.turn++
		if s.turn == len(ms) {
			if !again {
				s.begin(now, silence)
				break
			}
			s.turn = 0
		}
		s.until = s.until.Add(time.Duration(ms[s.turn]) * time.Millisecond)
	}
	if s.plays == silence && rest != silence {
		s.begin(now, rest)
	}
	return s.drive(now, !s.until.IsZero() && s.turn%2 == 0)
}

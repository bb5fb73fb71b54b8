package device

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/sync/wire"
)

// However long a stranger goes on, with whatever help of people who come and
// go, power cuts, full disks and tampering, the PINs that were shown to be
// unknown are never more than 60, and 15 for each lockout that was ended, and
// one for each five minutes of running. Of lockouts those for guessing alone
// count here, which is less than that.
func TestUnknownPINsThatAStrangerCanTestAreBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := stranger{rig: newRig(t, func(p *wire.Policy) {
			p.Limit = uint8(rapid.IntRange(1, 10).Draw(rt, "limit"))
		})}
		longest := rapid.SampledFrom([]int{0, 299, 900}).Draw(rt, "longest wait")
		for range rapid.IntRange(1, 200).Draw(rt, "visits") {
			s.visit(rt, longest)
			if bound := 60 + 15*s.ended + int(s.running/(5*time.Minute)); s.tested > bound {
				rt.Fatalf("%d unknown PINs were tested, after %d lockouts and %v: more than %d", s.tested, s.ended, s.running, bound)
			}
		}
	})
}

// stranger counts what guessing comes to.
type stranger struct {
	*rig
	tested, ended int
	running       time.Duration
}

// visit lets something happen that the stranger may have a hand in.
func (s *stranger) visit(rt *rapid.T, longest int) {
	wait := func(d time.Duration) {
		s.running += d
		s.wait(d)
	}
	for range rapid.IntRange(1, 10).Draw(rt, "guesses") {
		s.guessOne(false)
	}
	switch rapid.IntRange(0, 11).Draw(rt, "then") {
	case 0, 1, 2, 3:
		s.enter(Known, adaPIN)
	case 4, 5:
		guessed := s.r.Durable().Lockout == wire.CauseGuessing || s.r.Durable().Guesses >= 60
		if rapid.Bool().Draw(rt, "card") {
			s.card(Known, adaCard)
		} else {
			s.order(wire.Unlock)
		}
		if guessed && s.r.Durable().Lockout == "" {
			s.ended++
		}
	case 6: // the power is cut while the screen says no
		s.guessOne(true)
		s.crash(time.Hour)
	case 7:
		s.crash(time.Hour)
	case 8:
		wait(time.Duration(rapid.IntRange(0, longest).Draw(rt, "seconds")) * time.Second)
	case 9:
		s.do(Input{InputTamper, rapid.Bool().Draw(rt, "tamper")})
	case 10:
		s.fault = "disk full"
		s.guessOne(false)
		s.fault = ""
		wait(probeEvery)
	case 11:
		s.enter(Known, pinOf(func(c *wire.Credential) { c.Until = 1 }))
		s.do(Presented{wire.PIN})
		wait(answerWithin)
	}
}

// guessOne enters an unknown PIN; unstored: its outcome is shown and not stored
// yet.
func (s *stranger) guessOne(unstored bool) {
	asked := s.asked.Seq
	s.do(Presented{wire.PIN})
	if s.asked.Seq == asked || s.r.Durable().Pending != s.asked.Seq {
		return
	}
	s.slow = unstored
	before := s.records
	s.do(Identified{Kind: wire.PIN, Seq: s.asked.Seq, Outcome: Unknown})
	s.slow = false
	for _, r := range s.records[len(before):] {
		if r.Kind == wire.AttemptUnknown {
			s.tested++
		}
	}
}

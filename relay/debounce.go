package relay

import "time"

// follow hands on first, and then what the line settles to, until Halt.
func (in *Input) follow(first bool) {
	defer close(in.done)
	told := first
	in.to(told)

	var (
		quiet    = time.NewTimer(0) // ends a time of chatter
		restless time.Time          // since when the line chatters; zero: it does not
		due      time.Time          // when the flapping allowance is whole again
	)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-in.halt:
			return
		case <-in.nudge:
			now := time.Now()
			if restless.IsZero() {
				restless = now
			}
			quiet.Reset(min(in.o.Debounce, restless.Add(in.o.Longest).Sub(now)))
		case <-quiet.C:
			restless = time.Time{}
			in.mu.Lock()
			level := in.latest
			in.mu.Unlock()
			if level == told {
				continue
			}
			now := time.Now()
			if due.Before(now) {
				due = now
			}
			if wait := due.Sub(now) - (burst-1)*every; wait > 0 {
				quiet.Reset(wait)
				continue
			}
			due = due.Add(every)
			told = level
			in.to(told)
		}
	}
}

package relay

import "time"

// debounce hands on first, and then each level that the line settles to, until Halt.
func (in *Input) debounce(first bool) {
	defer close(in.done)
	handled := first
	in.handle(handled)

	var (
		quiet    = time.NewTimer(0) // runs until the line has been quiet for long enough
		bouncing time.Time          // since when the line bounces; zero: it does not
		due      time.Time          // when the whole burst is available again
	)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-in.halt:
			return
		case <-in.changed:
			now := time.Now()
			if bouncing.IsZero() {
				bouncing = now
			}
			quiet.Reset(min(in.debounceFor, bouncing.Add(10*in.debounceFor).Sub(now)))
		case <-quiet.C:
			bouncing = time.Time{}
			in.mu.Lock()
			level := in.latest
			in.mu.Unlock()
			if level == handled {
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
			handled = level
			in.handle(handled)
		}
	}
}

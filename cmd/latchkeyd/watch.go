package main

import (
	"context"
	"slices"
	"time"
)

// nextSecond fires as the clock's next second begins, so that all that looks every second
// wakes the processor at once.
func nextSecond() <-chan time.Time {
	now := time.Now()
	return time.After(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

// watch looks every second, and reports when the strike's line fails or works again, which
// parts hang, and which inputs work at last.
func (in *instruments) watch(ctx context.Context) error {
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-nextSecond():
		}
		if _, err := in.strike.State(); failed != (err != nil) {
			failed = err != nil
			in.parts.ReportLine("strike", err)
		}
		in.parts.Check(time.Now())
		in.unstarted = slices.DeleteFunc(in.unstarted, func(start func() error) bool { return start() == nil })
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"latchkey/device"
	"latchkey/keypad"
)

// reportLine reports the relay's health after that of one of the door's lines
// has changed: what is wrong with any of them.
func (in *instruments) reportLine(name string, err error) {
	in.mu.Lock()
	in.lines[name] = err
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(in.lines)) {
		if in.lines[name] != nil {
			wrong = append(wrong, fmt.Errorf("%s does not work: %w", name, in.lines[name]))
		}
	}
	in.mu.Unlock()
	in.report(device.SubjectRelay, errors.Join(wrong...))
}

// report tells the brain of a part's health, and the log when it changes.
func (in *instruments) report(subject device.Subject, err error) {
	health := device.Health{Subject: subject, Condition: device.Good}
	if err != nil {
		health.Condition, health.Text = device.Failed, strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if errors.Is(err, keypad.ErrPassedOver) {
		health.Condition = device.Impaired
	}
	in.mu.Lock()
	before, known := in.health[subject]
	in.health[subject] = health
	in.mu.Unlock()
	switch {
	case known && before == health:
		return
	case err != nil:
		in.log.Error("does not work", "part", subject, "err", in.located(err))
	case known:
		in.log.Info("works again", "part", subject)
	}
	in.events <- health
}

func (in *instruments) keypadHealth(part string, err error) {
	switch part {
	case "panel":
		in.report(device.SubjectPanel, err)
	case "touch":
		in.report(device.SubjectTouch, err)
	default:
		in.log.Warn("keypad", "part", part, "err", err)
	}
}

// nextSecond comes as the clock's next second begins: all that looks every second
// wakes the processor together.
func nextSecond() <-chan time.Time {
	now := time.Now()
	return time.After(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

// watch looks every second, and reports that the strike's line could not be set, and that it could
// again, parts that hang, and inputs whose line can be had at last.
func (in *instruments) watch(ctx context.Context) error {
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-nextSecond():
		}
		if _, err := in.strike.State(); failed != (err != nil) {
			failed = err != nil
			in.reportLine("strike", err)
		}
		in.watchParts(time.Now())
		in.startLate()
	}
}

// unstarted is an input whose line could not be had.
type unstarted struct {
	name  string
	start func() error
}

// startLate tries again to start the inputs that could not be.
func (in *instruments) startLate() {
	in.unstarted = slices.DeleteFunc(in.unstarted, func(u unstarted) bool {
		err := u.start()
		in.reportLine(u.name, err)
		return err == nil
	})
}

package main

import (
	"context"
	"fmt"
	"time"
)

// Scenarios and their steps return no errors: a step that fails ends its
// scenario, as a step of a test ends the test with testing.T's Fatal.

// failure is what a failed step panics with.
type failure struct{ error }

// fail ends what try runs.
func fail(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// check ends what try runs if there is an error.
func check(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// try runs steps, and returns the error of the one that failed.
func try(steps func()) (err error) {
	defer func() {
		switch stopped := recover().(type) {
		case nil:
		case failure:
			err = stopped.error
		default:
			panic(stopped)
		}
	}()
	steps()
	return nil
}

// waitLimit is how long any wait may take. It is for what hangs, not for what is
// slow on a busy machine.
const waitLimit = 3 * time.Minute

// eventually waits until check returns true; a check that fails is tried again.
func eventually(ctx context.Context, what string, check func() bool) {
	for deadline := time.Now().Add(waitLimit); ; {
		done := false
		err := try(func() { done = check() })
		if done {
			return
		}
		if time.Now().After(deadline) {
			fail("not within %v: %s (last error: %v)", waitLimit, what, err)
		}
		select {
		case <-ctx.Done():
			fail("%s: %w (last error: %v)", what, ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

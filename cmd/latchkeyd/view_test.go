package main

import (
	"slices"
	"testing"
	"time"

	"latchkey/device"
	"latchkey/keypad"
	"latchkey/sync/wire"
)

func TestWhatAScreenSaysIsSaidInEveryLanguage(t *testing.T) {
	sentences := keypad.Sentences()
	for reason, text := range reasonText {
		if !slices.Contains(sentences, text) {
			t.Errorf("%s: %q is in no other language", reason, text)
		}
	}
	if notes := (viewer{}).view(device.View{TouchHeld: true}, time.Time{}, 0).Notes; !slices.Contains(sentences, notes) {
		t.Errorf("%q is in no other language", notes)
	}
	for _, alarm := range []wire.DoorState{wire.DoorIsForced, wire.DoorIsHeld} {
		if notes := (viewer{}).view(device.View{DoorAlarm: alarm}, time.Time{}, 0).Notes; !slices.Contains(sentences, notes) {
			t.Errorf("%s: %q is in no other language", alarm, notes)
		}
	}
}

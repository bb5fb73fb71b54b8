package main

import (
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"latchkey/device"
	"latchkey/sync/wire"
)

func TestWhatAScreenSaysIsSaidInEveryLanguage(t *testing.T) {
	var english struct {
		Sentences map[string]string `toml:"sentences"`
	}
	if _, err := toml.DecodeFile("../../keypad/languages/en.toml", &english); err != nil {
		t.Fatal(err)
	}
	said := func(text string) bool { return english.Sentences[text] != "" }
	for reason, text := range reasonText {
		if !said(text) {
			t.Errorf("%s: %q is in no other language", reason, text)
		}
	}
	if notes := (viewer{}).view(device.View{TouchHeld: true}, time.Time{}, 0).Notes; !said(notes) {
		t.Errorf("%q is in no other language", notes)
	}
	for _, alarm := range []wire.DoorState{wire.DoorIsForced, wire.DoorIsHeld} {
		if notes := (viewer{}).view(device.View{DoorAlarm: alarm}, time.Time{}, 0).Notes; !said(notes) {
			t.Errorf("%s: %q is in no other language", alarm, notes)
		}
	}
}

package main

import (
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"latchkey/device"
	"latchkey/keypad"
	"latchkey/sync/wire"
)

func TestEachScreenOfTheBrainIsAnotherOneOfTheKeypad(t *testing.T) {
	of := map[keypad.Screen]device.Screen{}
	for s := device.ScreenHome; s.String() != "unknown"; s++ {
		shown := (viewer{}).view(device.View{Screen: s}, time.Time{}, 0).Screen
		if before, twice := of[shown]; twice {
			t.Errorf("%s is shown as %s", s, before)
		}
		of[shown] = s
	}
}

func TestACardThatTheDoorsRulesRefuseIsToldWhy(t *testing.T) {
	for _, reason := range []wire.Reason{wire.ReasonLocked, wire.ReasonLockdown, wire.ReasonSecond, wire.ReasonAnother} {
		if v := (viewer{}).view(device.View{Screen: device.ScreenDenied, Reason: reason}, time.Time{}, 0); v.Reason == "" {
			t.Errorf("%s: nothing is said", reason)
		}
	}
}

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

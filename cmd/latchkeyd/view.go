package main

import (
	"time"

	"latchkey/device"
	"latchkey/keypad"
)

// viewer says to the keypad what the brain wants to be seen.
type viewer struct {
	linked bool // the reader has a controller to be linked with
}

// view translates; now and mono are one moment by both clocks.
func (w viewer) view(v device.View, now time.Time, mono time.Duration) keypad.View {
	at := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return now.Add(d - mono)
	}
	k := keypad.View{
		Screen: screens[v.Screen],
		PIN:    v.PIN, ShufflePIN: v.Shuffle, CardOutOfOrder: !v.Card,
		Place: v.Place, Door: v.Door, Greeting: v.Greeting, ReaderID: v.Reader, Fingerprint: v.Fingerprint,
		Language: v.Language, LargeText: v.LargeText, HighContrast: v.HighContrast,
		User: v.Name, Start: at(v.Start), Until: at(v.End),
		HoldOpen: v.HeldOpen, LinkLost: v.LinkLost && w.linked, ClockUntrusted: v.ClockUntrusted,
		Tamper: v.Tamper, Identify: v.Identify,
	}
	switch v.Screen {
	case device.ScreenDenied:
		k.Reason = reasonText[v.Reason]
	case device.ScreenOutOfOrder:
		k.Notes = reasonText[v.Reason]
	}
	if v.TouchHeld && k.Notes == "" {
		k.Notes = "Clean the screen"
	}
	switch v.DoorAlarm {
	case device.DoorForced:
		k.DoorAlarm, k.Notes = true, "Door was forced"
	case device.DoorHeld:
		k.DoorAlarm, k.Notes = true, "Close the door"
	}
	return k
}

var screens = map[device.Screen]keypad.Screen{
	device.ScreenHome:       keypad.Home,
	device.ScreenChecking:   keypad.Checking,
	device.ScreenGranted:    keypad.Granted,
	device.ScreenDenied:     keypad.Denied,
	device.ScreenPaused:     keypad.Paused,
	device.ScreenNotSetUp:   keypad.NotSetUp,
	device.ScreenOutOfOrder: keypad.OutOfOrder,
	device.ScreenEnrol:      keypad.Enrol,
	device.ScreenEnrolled:   keypad.Enrolled,
}

// reasonText is what a screen says of a reason. A PIN never has one.
var reasonText = map[device.Reason]string{
	device.ReasonNotSetUp: "Not set up",
	device.ReasonTamper:   "The reader is open",
	device.ReasonUnstored: "Storage fault",
	device.ReasonBehind:   "Not up to date",
	device.ReasonNFC:      "No card reader",
	device.ReasonPanel:    "No touch",
	device.ReasonUnknown:  "Card not known",
	device.ReasonEarly:    "Not valid yet",
	device.ReasonExpired:  "No longer valid",
	device.ReasonGroup:    "Not for this door",
	device.ReasonSchedule: "Not at this time",
	device.ReasonClock:    "The time is not known",
	device.ReasonDamaged:  "Ask for help",
	device.ReasonKey:      "Ask for help",
	device.ReasonEpoch:    "Please try again",
	device.ReasonNoAnswer: "Please try again",
	device.ReasonWait:     "Please wait a moment",
}

package main

import (
	"time"

	"latchkey/device"
	"latchkey/keypad"
	"latchkey/sync/wire"
)

// viewer translates the brain's views for the keypad.
type viewer struct {
	linked bool // the site has a controller to be linked with
}

// view translates one. now and mono are the same moment by both clocks.
func (w viewer) view(v device.View, now time.Time, mono time.Duration) keypad.View {
	at := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return now.Add(d - mono)
	}
	k := keypad.View{
		Screen: screens[v.Screen],
		PIN:    v.PIN, ShufflePIN: v.Shuffle, CardOutOfOrder: !v.Card, Both: v.Both,
		Place: v.Place, Door: v.Door, Greeting: v.Greeting, ReaderID: v.Reader, Fingerprint: v.Fingerprint,
		Looking: v.Waiting.Looks, Site: v.Waiting.Site, MoreSites: v.Waiting.More,
		Language: v.Language, LargeText: v.LargeText, HighContrast: v.HighContrast,
		User: v.Name, Start: at(v.Start), Until: at(v.End),
		Done: v.Done, Of: v.Of,
		LinkLost: v.LinkLost && w.linked, ClockUntrusted: v.ClockUntrusted,
		Tamper: v.Tamper, Identify: v.Identify,
	}
	switch v.Screen {
	case device.ScreenDenied, device.ScreenEnrol:
		k.Reason = reasonText[v.Reason]
	case device.ScreenAdopted:
		k.Site, k.Fingerprint = v.Adopter.Site, v.Adopter.Controller
	case device.ScreenOutOfOrder:
		k.Notes = reasonText[v.Reason]
	}
	if v.TouchHeld && k.Notes == "" {
		k.Notes = "Clean the screen"
	}
	switch v.DoorAlarm {
	case wire.DoorIsForced:
		k.DoorAlarm, k.Notes = true, "Door was forced"
	case wire.DoorIsHeld:
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
	device.ScreenKeep:       keypad.Keep,
	device.ScreenWritten:    keypad.Written,
	device.ScreenOpen:       keypad.Open,
	device.ScreenLocked:     keypad.Locked,
	device.ScreenLockdown:   keypad.Lockdown,
	device.ScreenEvacuation: keypad.Evacuation,
	device.ScreenSecondPIN:  keypad.SecondPIN,
	device.ScreenSecondCard: keypad.SecondCard,
	device.ScreenAdopted:    keypad.Adopted,
}

// reasonText is what a screen shows for a reason. A PIN never has one.
var reasonText = map[wire.Reason]string{
	wire.ReasonNotSetUp: "Not set up",
	wire.ReasonTamper:   "The reader is open",
	wire.ReasonUnstored: "Storage fault",
	wire.ReasonBehind:   "Not up to date",
	wire.ReasonNFC:      "No card reader",
	wire.ReasonPanel:    "No touch",
	wire.ReasonUnknown:  "Card not known",
	wire.ReasonEarly:    "Not valid yet",
	wire.ReasonExpired:  "No longer valid",
	wire.ReasonGroup:    "Not for this door",
	wire.ReasonSchedule: "Not at this time",
	wire.ReasonClock:    "The time is not known",
	wire.ReasonDamaged:  "Ask for help",
	wire.ReasonKey:      "Ask for help",
	wire.ReasonEpoch:    "Please try again",
	wire.ReasonNoAnswer: "Please try again",
	wire.ReasonWait:     "Please wait a moment",
	wire.ReasonLocked:   "Locked",
	wire.ReasonLockdown: "Lockdown",
	wire.ReasonSecond:   "PIN needed too, not possible now",
	wire.ReasonAnother:  "Not the card for this PIN",

	wire.ReasonNotGenuine:  "Please try again",
	wire.ReasonCardGone:    "Hold the card there longer",
	wire.ReasonUnproven:    "Ask for a new card",
	wire.ReasonForeignKeys: "The card is another system's",
	wire.ReasonUnsuitable:  "This card cannot be used",
	wire.ReasonDeclined:    "See the console",
}

package status

import (
	"strings"
	"testing"

	"latchkey/device"
	"latchkey/sync/wire"
)

func TestTheModeIsSaidWithItsCauseAndEnd(t *testing.T) {
	for want, mode := range map[string]wire.ModeState{
		"normal\n": {Mode: wire.ModeNormal},
		"normal; the unlock schedule waits for the first person\n":   {Mode: wire.ModeNormal, Waits: true},
		"unlocked, by the unlock schedule\n":                         {Mode: wire.ModeUnlocked, Cause: wire.CauseSchedule},
		"unlocked, by Ada Lovelace, until 2026-11-29 18:00:00 UTC\n": {Mode: wire.ModeUnlocked, Cause: wire.CauseWanted, Until: 1795975200, By: "Ada Lovelace"},
		"lockdown, by Ada Lovelace\n":                                {Mode: wire.ModeLockdown, Cause: wire.CauseWanted, By: "Ada Lovelace"},
		"evacuation, by the fire alarm\n":                            {Mode: wire.ModeEvacuation, Cause: wire.CauseFire},
	} {
		s := NewServer(nil, func() Figures { return Figures{} })
		s.Report(device.State{Reader: "front-door", Mode: mode}, Adoption{})
		var b strings.Builder
		if err := s.Status().Print(&b); err != nil || !strings.Contains(b.String(), "\nmode                  "+want) {
			t.Errorf("%+v: %v\n%s", mode, err, b.String())
		}
	}
}

func TestTheBudgetOfATPMIsSaid(t *testing.T) {
	for want, tpm := range map[string]*TPM{
		"123 of 500 PINs checked, 377 left":             {123, 500},
		"1 of 4294967295 PINs checked, 4294967294 left": {1, 1<<32 - 1},
		"all of 500 PINs checked: it needs":             {500, 500},
		"all of 400 PINs checked: it needs":             {401, 400},
		"no budget of PINs is known":                    {},
	} {
		var b strings.Builder
		if err := (&Status{TPM: tpm}).Print(&b); err != nil || !strings.Contains(b.String(), "TPM                   "+want) {
			t.Errorf("%+v: %v\n%s", tpm, err, b.String())
		}
	}
	var b strings.Builder
	if err := (&Status{}).Print(&b); err != nil || strings.Contains(b.String(), "TPM") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestAReaderThatNoSiteHasAdoptedSaysWhatItWaitsFor(t *testing.T) {
	for want, waits := range map[string]device.Waiting{
		"not adopted; fingerprint 4F1A":                             {},
		"not adopted, looking for a controller; fingerprint 4F1A":   {Looks: true},
		"not adopted, waiting at home; fingerprint 4F1A":            {Looks: true, Site: "home"},
		"not adopted, waiting at home and 2 more; fingerprint 4F1A": {Looks: true, Site: "home", More: 2},
	} {
		s := NewServer(nil, func() Figures { return Figures{} })
		s.Report(device.State{Waiting: waits}, Adoption{Fingerprint: "4F1A"})
		var b strings.Builder
		if err := s.Status().Print(&b); err != nil || !strings.Contains(b.String(), want+"\n") || !strings.Contains(b.String(), "without an id") {
			t.Errorf("not %q: %v\n%s", want, err, b.String())
		}
	}
	s := NewServer(nil, func() Figures { return Figures{} })
	s.Report(device.State{Reader: "front-door"}, Adoption{Site: "home", Controller: "C20B"})
	var b strings.Builder
	if err := s.Status().Print(&b); err != nil || !strings.Contains(b.String(), "home; its controller's key is C20B\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

package console

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// stage fills a world with what a small company has: doors in all states, some
// users, a day's entries.
func (w *world) stage() {
	w.t.Helper()
	w.setZone("UTC") // somebody has chosen it
	w.adopt("front-door", "Front door", "Main building")
	w.adopt("lab", "Lab", "Main building")
	w.adopt("archive", "Archive", "Main building")
	w.adopt("yard-gate", "Yard gate", "Warehouse")
	w.adopt("loading-bay", "Loading bay behind the old joinery", "Warehouse")
	w.live.states[1].State.Condition.Door = wire.DoorIsOpen
	w.live.states[3].State.Condition.Lockout = wire.CauseAttempts
	w.live.states[4].Online, w.live.states[4].Heard = false, time.Now().Add(-3*time.Hour)
	w.must(w.desk.SwitchPIN(w.t.Context(), owner, "archive", false))
	w.must(func() error {
		_, err := w.desk.SetPolicy(w.t.Context(), owner, "lab", 0, func(p *wire.Policy) {
			p.TimeZone = "Europe/Berlin"
			week := []wire.Span{}
			for day := uint8(1); day < 6; day++ {
				week = append(week, wire.Span{Day: day, From: 7 * 60, To: 12 * 60}, wire.Span{Day: day, From: 13 * 60, To: 19 * 60})
			}
			p.Access = []wire.Access{{Group: "lab"}, {Group: "staff", Schedule: &wire.Schedule{Week: week}}}
			p.Holidays = []wire.Holiday{{Month: 12, Day: 25}, {Month: 12, Day: 26}}
		})
		return err
	}())
	until := time.Now().Add(90 * time.Minute).Unix()
	_, err := w.desk.SetMode(w.t.Context(), owner, desk.Where{Level: desk.Doors, ID: 2}, wire.ModeUnlocked, until)
	w.must(err)
	w.live.enters("lab", wire.ModeState{Mode: wire.ModeUnlocked, Cause: wire.CauseWanted, Until: until, By: owner.Name})
	people := []struct {
		first, last string
		pin         bool
		card        string
		groups      []string
	}{
		{"Ada", "Lovelace", true, "04A1B2C3D4E580", []string{"lab", "staff"}},
		{"Bob", "Martin", false, "04112233445566", []string{"staff"}},
		{"Clara", "Schumann", true, "", []string{"visitors"}},
		{"Dennis", "Ritchie", true, "0455667788AABB", []string{"night-shift", "staff"}},
		{"Emmy", "Noether", false, "", []string{"lab"}},
		{"Frances", "Allen", true, "04DEADBEEF0102", []string{"staff"}},
		{"Hedy", "Lamarr", true, "", []string{"staff"}},
		{"Jean", "Bartik", false, "04CAFE00112233", []string{"lab", "staff"}},
		{"Karen", "Spärck Jones", true, "", []string{"staff"}},
		{"Łukasz", "Wójcik", false, "04ABCDEF012345", []string{"night-shift"}},
		{"Wilhelmina Petronella", "van den Heuvel-Oosterbroek", true, "04FEDCBA543210", []string{"cleaning-and-maintenance", "night-shift", "staff"}},
	}
	ids := make([]uint64, len(people))
	for i, p := range people {
		ids[i] = w.user(p.first, p.last, p.pin, p.card, p.groups...)
	}
	w.newCard(ids[6], 4, 0x5E, 0xED, 0xC0, 0xFF, 0xEE, 0x01)
	credential := uint64(1)
	front, yard, lab := w.journal("front-door"), w.journal("yard-gate"), w.journal("lab")
	now := time.Now().Truncate(time.Second)
	busy := []int{0, 0, 0, 0, 1, 2, 6, 11, 9, 5, 4, 6, 9, 7, 5, 4, 3, 6, 8, 5, 3, 1, 1, 2}
	for back := len(busy) - 1; back >= 1; back-- {
		for i := range busy[len(busy)-1-back] {
			at := now.Add(-time.Duration(back)*time.Hour + time.Duration(i*5)*time.Minute)
			who, by := ids[(i*3+back)%len(ids)], "card"
			if i%3 == 0 {
				by = "pin"
			}
			front.report(at, wire.Record{Kind: wire.AccessGranted, By: wire.Means(by), User: who, Credential: credential, Seconds: 5})
			if i == 4 {
				front.report(at.Add(time.Minute), wire.Record{Kind: wire.AccessDenied, By: "card", Reason: "unknown", Tag: []byte{1, 2, 3, 4, 5, 6, 7, 8}})
			}
		}
	}
	front.report(now.Add(-20*time.Minute), wire.Record{Kind: wire.AccessDenied, By: "card", Reason: wire.ReasonNotGenuine, User: ids[6], Credential: credential})
	lab.report(now.Add(-14*time.Minute), wire.Record{Kind: wire.AccessGranted, By: "card", User: ids[1], Credential: credential, Seconds: 5})
	for i := range 10 {
		at := now.Add(-10*time.Minute + time.Duration(i*12)*time.Second)
		yard.report(at, wire.Record{Kind: wire.AttemptUnknown, Seq: uint64(i + 1), Wrong: uint16(i + 1)})
	}
	yard.report(now.Add(-8*time.Minute), wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts})
	front.report(now.Add(-3*time.Minute), wire.Record{Kind: wire.AttemptUnknown, Seq: 99, Wrong: 1})
	front.report(now.Add(-2*time.Minute), wire.Record{Kind: wire.AccessGranted, By: "pin", Seq: 100, User: ids[0], Credential: credential, Seconds: 5})
	for i := range 12 {
		w.user(fmt.Sprintf("Visitor %d", i+1), "", false, "", "visitors")
	}
	readers, err := w.desk.Readers(w.t.Context(), owner)
	w.must(err)
	for _, state := range w.live.states {
		state.State.Held.Epoch, state.State.Held.Revision = readers[0].Live.Epoch, readers[0].Live.Newest
	}
}

// reception is a stage on which doors take visitors: one is here, one is to come, and the visit
// of one is over.
func (w *world) reception() {
	w.t.Helper()
	w.stage()
	now := time.Now().Truncate(time.Second)
	for _, door := range []int64{1, 2, 3} { // the third takes no PINs
		w.must(w.desk.TakeVisitors(w.t.Context(), owner, door, true))
	}
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339) }
	for i, form := range []desk.VisitForm{
		{First: "Rosalind", Last: "Franklin", Until: at(6 * time.Hour), Doors: []int64{1, 2}},
		{First: "Konrad", Last: "Zuse", From: at(20 * time.Hour), Until: at(30 * time.Hour), Doors: []int64{2}, Limits: desk.PINLimits{Uses: 2, Within: time.Hour}},
		{First: "Mary", Last: "Somerville", Until: at(time.Hour), Doors: []int64{1}},
	} {
		form.Zone = time.UTC
		id, _, err := w.desk.Invite(w.t.Context(), owner, form)
		w.must(err)
		if i == 2 {
			w.must(w.desk.EndInvitation(w.t.Context(), owner, id))
		}
	}
}

// older says that a reader's program knows no modes.
func (w *world) older(id string) {
	w.t.Helper()
	w.must(w.site.Update(w.t.Context(), func(tx *store.Tx) error { return tx.SetReaderLevel(id, 0) }))
	for i := range w.live.states {
		if w.live.states[i].ID == id {
			w.live.states[i].State.Level, w.live.states[i].State.Condition.Mode = 0, nil
		}
	}
}

// emergency is a stage on which the site is locked down. Some readers follow, some do
// not.
func (w *world) emergency() {
	w.t.Helper()
	w.stage()
	w.older("archive")
	_, err := w.desk.SetMode(w.t.Context(), owner, desk.Where{}, wire.ModeLockdown, 0)
	w.must(err)
	w.live.enters("front-door", wire.ModeState{Mode: wire.ModeLockdown, Cause: wire.CauseWanted, By: owner.Name})
}

package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Two locations with the same in each. All names at the second begin with zorn, all at the first
// with heim; what is the site's, like users who are no visitors, has neither.
type twoPlaces struct {
	*world
	heim, zorn onePlace
	user       uint64 // opens doors at both, and was seen at zorn last
	schedule   int64  // used at both
	owner      Actor
	local      Actor // a Super Admin limited to heim
	program    Actor // a token of theirs, for all that a token can do
}

type onePlace struct {
	location, hub, door int64
	reader, old         string // the old one was removed
	visitor, card       uint64 // the visitor's card
}

func newTwoPlaces(t *testing.T) *twoPlaces {
	t.Helper()
	w := &twoPlaces{world: newWorld(t), owner: AtCommandLine("root")}
	ctx := t.Context()
	must := func(_ any, err error) { t.Helper(); w.must(err) }
	var err error
	w.schedule, err = w.AddSchedule(ctx, w.owner, ScheduleForm{"Office", officeHours()})
	w.must(err)
	w.user, _, err = w.AddUser(ctx, w.owner, UserForm{First: "Ada", Last: "Lovelace", Groups: []string{"staff"}, Until: "2027-01-31"}, PIN{Choice: Auto, Limits: PINLimits{Uses: 9, Within: day}}, []string{w.uid()})
	w.must(err)
	for range Roles() { // who is local must not be one of those that as returns
		w.limitedTo(Viewer, w.annex())
	}
	w.heim, w.zorn = w.place("heim"), w.place("zorn")
	w.policy(w.zorn.reader, func(p *wire.Policy) {
		p.TimeZone, p.Holidays = "America/New_York", []wire.Holiday{{Month: 8, Day: 1}}
	})
	must(w.SetMode(ctx, w.owner, Where{}, wire.ModeLockdown, 0))
	w.local = w.limitedTo(Super, w.heim.location)
	must(w.AddSchedule(ctx, w.local, ScheduleForm{"Own", officeHours()}))
	_, text, err := w.MakeToken(ctx, w.local, TokenForm{Name: "Heim token of its own", Scopes: Scopes(), Days: 30})
	w.must(err)
	w.program, err = w.TokenActor(ctx, text, "192.0.2.1")
	w.must(err)
	return w
}

// place adds a location, and has something happen there.
func (w *twoPlaces) place(name string) (p onePlace) {
	w.t.Helper()
	ctx, title := w.t.Context(), strings.ToUpper(name[:1])+name[1:]
	must := func(_ any, err error) { w.t.Helper(); w.must(err) }
	adopt := func(id string) {
		board := boardtest.New(w.t)
		must(w.Adopt(ctx, w.owner, AdoptForm{
			Reader: id, Request: board.Signed, Fingerprint: board.Fingerprint(), Door: title + " door", Place: title + " building",
			Access: []wire.Access{{Group: "staff"}, {Group: fmt.Sprint("hosts-", len(w.live.states))}}, Uses: []UseSchedule{{HoursUse: staffAccess, ID: w.schedule}},
		}, func([]byte) error { return nil }))
	}
	p.reader, p.old = name+"-reader", name+"-old"
	adopt(p.old)
	must(w.RemoveReader(ctx, w.owner, p.old, Returned))
	adopt(p.reader)
	r := w.look(p.reader)
	p.door, p.hub = r.DoorID, r.HubID
	all, err := w.Places(ctx, w.owner)
	w.must(err)
	p.location = all[slices.IndexFunc(all, func(l *Location) bool { return l.Name == title+" building" })].ID
	w.must(w.EditPlace(ctx, w.owner, Hubs, p.hub, "", renamed(title+" hub")))
	w.policy(p.reader, func(p *wire.Policy) { p.PIN = true })
	w.must(w.TakeVisitors(ctx, w.owner, p.door, true))
	form := w.visit(p.door, time.Hour)
	form.First, form.Last = title, "Visitor"
	p.visitor = w.invite(form)
	w.must(w.AddCard(ctx, w.owner, p.visitor, w.uid()))
	cards, _, err := w.NumberedCards(ctx, w.owner, 0, 0)
	w.must(err)
	p.card = cards[slices.IndexFunc(cards, func(c *OwnedCard) bool { return c.User.ID == p.visitor })].ID
	must(w.SetMode(ctx, w.owner, Where{Doors, p.door}, wire.ModeLocked, 0))
	must(w.SetMode(ctx, w.owner, Where{Locations, p.location}, wire.ModeLockdown, 0))
	w.says(p.reader, wire.ModeState{Mode: wire.ModeLockdown})
	_, _, err = w.MakeToken(ctx, w.owner, TokenForm{Name: title + " token", Scopes: Scopes(), Days: 30})
	w.must(err)
	for _, reader := range []string{p.old, p.reader} {
		w.records(reader, &wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: w.user, Seconds: 5}, &wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1},
			&wire.Record{Kind: wire.LockoutStarted, Cause: wire.CauseAttempts, Users: []uint64{w.user}}, &wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: p.visitor, Seconds: 5})
	}
	must(w.Order(ctx, w.owner, p.reader, wire.Identify))
	w.must(w.site.Update(ctx, func(tx *store.Tx) error {
		credentials, err := tx.CredentialsOf(w.user)
		if err != nil {
			return err
		}
		for _, c := range credentials {
			if c.Kind == wire.PIN {
				_, _, err = tx.CountUses(c, store.PINUse{Reader: p.reader, Uses: 1, First: w.time.Unix()})
			}
		}
		return errors.Join(err, tx.AddAlarm(&store.Alarm{Reader: p.reader, Kind: store.CardCopied, User: w.user, At: w.time.UnixMilli(), Text: "A copy of the card of Ada was shown"}))
	}))
	w.time = w.time.Add(time.Minute)
	return p
}

// shown returns all that a value holds, in lower case, without what is a pointer or the time of
// the test.
func shown(v any) string {
	var b strings.Builder
	var walk func(v reflect.Value, depth int)
	walk = func(v reflect.Value, depth int) {
		if depth > 100 { // sentences are in sentences
			panic("too deep")
		}
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
				walk(v.Elem(), depth+1)
			}
		case reflect.Struct:
			for i := range v.NumField() {
				b.WriteString(v.Type().Field(i).Name + ":")
				walk(v.Field(i), depth+1)
			}
		case reflect.Slice, reflect.Array:
			if v.Type().Elem().Kind() == reflect.Uint8 {
				fmt.Fprintf(&b, "%q ", fmt.Sprintf("%s", v))
				return
			}
			for i := range v.Len() {
				walk(v.Index(i), depth+1)
			}
		case reflect.Map:
			keys := v.MapKeys()
			slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			for _, key := range keys {
				walk(key, depth+1)
				walk(v.MapIndex(key), depth+1)
			}
		case reflect.Func:
		default:
			fmt.Fprintf(&b, "%v ", v)
		}
	}
	walk(reflect.ValueOf(v), 0)
	return strings.ToLower(b.String())
}

// placesIn says which of both places are named in a text.
func placesIn(text string) string {
	return strings.Trim(map[bool]string{true: "heim"}[strings.Contains(text, "heim")]+" "+map[bool]string{true: "zorn"}[strings.Contains(text, "zorn")], " ")
}

func (w *twoPlaces) groupNumber(name string) int64 { return w.grouped(name).Number }

func (w *twoPlaces) exported(ctx context.Context, a Actor, q Query, format Format) (string, error) {
	var file bytes.Buffer
	err := w.Export(ctx, a, q, format, &file)
	return file.String(), err
}

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

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A look is a way to read something, at a place where it needs one.
type look struct {
	at   func(w *twoPlaces, ctx context.Context, a Actor, p onePlace) (any, error)
	kind lookKind
}

// A lookKind says what limited administrators see.
type lookKind int

const (
	some    lookKind = iota // of what is listed that of their place
	theirs                  // what is asked for by its id if it is at their place
	fewer                   // less, without names
	allOfIt                 // all: it is the site's
	nothing                 // nothing: it is for administrators of the whole site
	instead                 // what is at their place where others see what is at another
)

func of(kind lookKind, see func(w *twoPlaces, ctx context.Context, a Actor) (any, error)) look {
	return look{func(w *twoPlaces, ctx context.Context, a Actor, _ onePlace) (any, error) { return see(w, ctx, a) }, kind}
}

func at(kind lookKind, see func(w *twoPlaces, ctx context.Context, a Actor, p onePlace) (any, error)) look {
	return look{see, kind}
}

// list is what comes back with how many there are.
func list(v any, n int, err error) (any, error) { return []any{v, n}, err }

type (
	tp = *twoPlaces
	cx = context.Context
)

// looks are the methods of Desk by which an actor reads.
var looks = map[string][]look{
	"AccessPolicies": {of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.AccessPolicies(c, a) })},
	"AccessPolicy":   {of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.AccessPolicy(c, a, w.groupNumber("staff")) })},
	"Activity": {
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Activity(c, a, Query{}) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Activity(c, a, Query{User: w.user}) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Activity(c, a, Query{Name: "Lovelace"}) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Activity(c, a, Query{Kind: "alarm"}) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Activity(c, a, Query{Name: "command", Kind: "admin"}) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Activity(c, a, Query{Since: w.time.Add(-day)}) }),
		at(instead, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Activity(c, a, Query{Door: p.door}) }),
		at(instead, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Activity(c, a, Query{Reader: p.reader}) }),
		at(instead, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Activity(c, a, Query{Reader: p.old}) }),
		at(instead, func(w tp, c cx, a Actor, p onePlace) (any, error) {
			return w.Activity(c, a, Query{Name: strings.TrimSuffix(p.reader, "-reader")})
		}),
	},
	"Admins": {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Admins(c, a) })},
	"Card":   {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Card(c, a, p.card) })},
	// They lead to one opened door of the site, and are over for all at once. What they say of users is of
	// those whom everybody finds, and no door is in them.
	"FirstSteps":    {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.FirstSteps(c, a) })},
	"Exposed":       {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.Exposed(c, a) })},
	"CountCards":    {of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.CountCards(c, a) })},
	"Brokers":       {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Brokers(c, a) })},
	"BrokerClients": {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.BrokerClients(c, a) })},
	"CellDoubts":    {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.CellDoubts(c, a) })},
	"ChosenZone":    {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.ChosenZone(c, a) })},
	"CellNames":     {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.CellNames(c, a) })},
	"CellOf":        {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.CellOf(c, a, p.reader) })},
	"CellReaders":   {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.CellReaders(c, a, 0) })},
	"Cells":         {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Cells(c, a) })},
	"Controllers":   {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Controllers(c, a) })},
	"Deliveries":    {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Deliveries(c, a, 1, "", 0, 0) })},
	"Door":          {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Door(c, a, p.door) })},
	"DoorAccess": {at(instead, func(w tp, c cx, a Actor, p onePlace) (any, error) {
		return w.DoorAccess(c, a, []*Reader{w.look(p.reader)}, OpenerQuery{})
	})},
	"Elsewhere": {of(fewer, func(w tp, c cx, a Actor) (any, error) {
		return w.Elsewhere(c, a, UserForm{First: "Grace", Groups: []string{"staff"}, Until: "2027-01-31"})
	})},
	"Emergency":   {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.Emergency(c, a) })},
	"EventsAfter": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.EventsAfter(c, a, 0, 0) })},
	"Export": {
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.exported(c, a, Query{}, CSV) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.exported(c, a, Query{User: w.user}, JSON) }),
		at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) {
			return w.exported(c, a, Query{Reader: p.reader}, JSON)
		}),
	},
	"ExportUsers": {of(allOfIt, func(w tp, c cx, a Actor) (any, error) {
		var file bytes.Buffer
		err := w.ExportUsers(c, a, UserQuery{}, &file)
		return file.String(), err
	})},
	"FindAdmin":     {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.FindAdmin(c, a, "Owner") })},
	"FindSchedule":  {of(some, func(w tp, c cx, a Actor) (any, error) { return w.FindSchedule(c, a, "office") })},
	"FindSchedules": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.FindSchedules(c, a, "off") })},
	"FindUser": {
		of(instead, func(w tp, c cx, a Actor) (any, error) { return w.FindUser(c, a, "Ada Lovelace") }),
		at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.FindUser(c, a, fmt.Sprint(p.visitor)) }),
	},
	"Glances":           {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Glances(c, a) })},
	"Group":             {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Group(c, a, "staff") })},
	"GroupNumbered":     {of(some, func(w tp, c cx, a Actor) (any, error) { return w.GroupNumbered(c, a, w.groupNumber("staff")) })},
	"GroupNumbers":      {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.GroupNumbers(c, a) })},
	"GroupsWithMembers": {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.GroupsWithMembers(c, a) })},
	"Groups":            {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.Groups(c, a) })},
	"Holidays":          {of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.Holidays(c, a) })},
	"Hours":             {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Hours(c, a, p.door, 24) })},
	"Hub":               {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Hub(c, a, p.hub) })},
	"KeepDays":          {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.KeepDays(c, a) })},
	"PlanHolidays": {of(nothing, func(w tp, c cx, a Actor) (any, error) {
		return w.PlanHolidays(c, a, []byte("BEGIN:VCALENDAR\nEND:VCALENDAR\n"))
	})},
	"OwnHolidays": {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.OwnHolidays(c, a, p.reader) })},
	"ListGroups": {of(fewer, func(w tp, c cx, a Actor) (any, error) {
		return w.ListGroups(c, a, GroupQuery{Search: "everyone"})
	}), of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.ListGroups(c, a, GroupQuery{Search: "staff"}) })},
	"LockRule": {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.LockRule(c, a, p.door) })},
	"LogPage": {
		of(some, func(w tp, c cx, a Actor) (any, error) { return list(w.LogPage(c, a, Query{}, nil, 0, 100)) }),
		of(some, func(w tp, c cx, a Actor) (any, error) {
			return list(w.LogPage(c, a, Query{User: w.user}, []wire.RecordClass{wire.ClassGranted, wire.ClassAlarm}, 0, 100))
		}),
		of(some, func(w tp, c cx, a Actor) (any, error) {
			return list(w.LogPage(c, a, Query{}, []wire.RecordClass{store.ClassAdmin}, 0, 100))
		}),
	},
	"Mail":    {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Mail(c, a) })},
	"Measure": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Measure(c, a, 0) })},
	"NumberedCards": {of(some, func(w tp, c cx, a Actor) (any, error) { return list(w.NumberedCards(c, a, 0, 0)) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return list(w.NumberedCards(c, a, 1, 5)) })},
	"NumberedUsers": {of(some, func(w tp, c cx, a Actor) (any, error) { return list(w.NumberedUsers(c, a, NumberedUsers{}, 0, 0)) })},
	"Odds":          {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Odds(c, a, "", nil) })},
	"OddsAt":        {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.OddsAt(c, a, p.reader) })},
	"Places":        {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Places(c, a) })},
	"Policy":        {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Policy(c, a, p.reader) })},
	"PreviewImport": {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.PreviewImport(c, a, []byte("first_name\nAda\n")) })},
	"Provider":      {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Provider(c, a) })},
	"ReadRequest":   {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.ReadRequest(c, a, nil) })},
	"Reader":        {at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.Reader(c, a, p.reader) })},
	"ReaderDoors":   {of(some, func(w tp, c cx, a Actor) (any, error) { return w.ReaderDoors(c, a) })},
	"Readers":       {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Readers(c, a) })},
	"ReadersOf": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.ReadersOf(c, a, w.user) }),
		at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.ReadersOf(c, a, p.visitor) })},
	"Records": {of(some, func(w tp, c cx, a Actor) (any, error) {
		records, alarms, err := w.Records(c, a, store.Filter{}, 0, time.UTC)
		return []any{records, alarms}, err
	}), of(some, func(w tp, c cx, a Actor) (any, error) {
		records, alarms, err := w.Records(c, a, store.Filter{Last: 100}, 0, time.UTC)
		return []any{records, alarms}, err
	})},
	"Reach": {of(fewer, func(w tp, c cx, a Actor) (any, error) {
		r, err := w.Reach(c, a)
		if r == nil {
			return "the whole site", err
		}
		return r.Locations, err
	})},
	"PreviewUsersEdit": {of(fewer, func(w tp, c cx, a Actor) (any, error) {
		return w.PreviewUsersEdit(c, a, Selection{Users: []uint64{w.heim.visitor, w.zorn.visitor}}, UsersEdit{Suspend: new(true)})
	})},
	"Rollout":   {of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.Rollout(c, a) })},
	"Schedule":  {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Schedule(c, a, w.schedule) })},
	"Schedules": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Schedules(c, a) })},
	"SelectUsers": {of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.SelectUsers(c, a, Selection{}) }),
		of(fewer, func(w tp, c cx, a Actor) (any, error) {
			return w.SelectUsers(c, a, Selection{Users: []uint64{w.user, w.heim.visitor, w.zorn.visitor}})
		})},
	"Sight": {of(fewer, func(w tp, c cx, a Actor) (any, error) {
		s, err := w.Sight(c, a)
		return []bool{s.Door(w.heim.door), s.Door(w.zorn.door), s.Reader(w.heim.reader), s.Reader(w.zorn.reader)}, err
	})},
	"SignInRules":    {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.SignInRules(c, a) })},
	"Situation":      {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Situation(c, a) })},
	"TPMAuthorities": {of(allOfIt, func(w tp, c cx, a Actor) (any, error) { return w.TPMAuthorities(c, a) })},
	"Theft":          {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Theft(c, a) })},
	"Tokens":         {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Tokens(c, a) })},
	"User": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.User(c, a, w.user) }),
		at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) { return w.User(c, a, p.visitor) })},
	"UserAccess": {of(some, func(w tp, c cx, a Actor) (any, error) {
		return w.UserAccess(c, a, []*Reader{w.look(w.heim.reader), w.look(w.zorn.reader)}, w.user)
	}), at(theirs, func(w tp, c cx, a Actor, p onePlace) (any, error) {
		return w.UserAccess(c, a, []*Reader{w.look(p.reader)}, p.visitor)
	})},
	"Users": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Users(c, a, UserQuery{}) }),
		of(instead, func(w tp, c cx, a Actor) (any, error) {
			return w.Users(c, a, UserQuery{State: store.ValidUsers, Limit: 1})
		}),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Users(c, a, UserQuery{State: store.InvitedUsers}) }),
		of(instead, func(w tp, c cx, a Actor) (any, error) { return w.Users(c, a, UserQuery{State: store.CopiedUsers}) }),
		of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.Users(c, a, UserQuery{Search: "visitor"}) })},
	"VisitDoors": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.VisitDoors(c, a) })},
	"SiteZone":   {of(fewer, func(w tp, c cx, a Actor) (any, error) { return w.SiteZone(c, a) })},
	"Visitors": {of(some, func(w tp, c cx, a Actor) (any, error) { return w.Visitors(c, a, VisitQuery{Credentials: true}) }),
		of(some, func(w tp, c cx, a Actor) (any, error) { return w.Visitors(c, a, VisitQuery{Search: "visitor"}) })},
	"WaitingReader": {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.WaitingReader(c, a, w.waiting(c).ID) })},
	"WaitingReaders": {of(nothing, func(w tp, c cx, a Actor) (any, error) {
		w.waiting(c)
		return w.WaitingReaders(c, a)
	})},
	"WantedModes":  {of(some, func(w tp, c cx, a Actor) (any, error) { return w.WantedModes(c, a) })},
	"WebhookHosts": {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.WebhookHosts(c, a) })},
	"Webhooks":     {of(nothing, func(w tp, c cx, a Actor) (any, error) { return w.Webhooks(c, a) })},
}

// doings are the methods of Desk by which an actor acts. What they may act on is tested with each
// act. TokenStands is of the token itself.
var doings = strings.Fields(`AddAdmin AddCard AddCell AddDoor AddGroup AddBrokerClient AddPlace AddSchedule AddTPMAuthorities AddUser AddWebhook Adopt AdoptSeveral AdoptWaiting AllowWebhookHost
	AddHoliday EditHoliday RemoveHoliday RemovePastHolidays TakeHolidays
	BackupTo CheckAdoptions ConfirmCard ConfirmClock DrawPIN DropCard EditCell EditMembers EditMembersNumbered EditPlace EditSchedule EditUser EditUserAndSuspend EditUsers
	EditVisit EditWebhook EndEarly EndInvitation EndMode Enrol ForbidWebhookHost GiveAccess GiveCard HideFirstSteps ImportUsers Invite MakeToken MoveReader MoveReaders MoveSite NewCard
	NewEpoch NewOneTimeLink NewStorageKey NewWebhookSecret Order OwnerLink ReadCard RefuseWaiting RekeyCard RemoveAdmin RemoveCard RemoveCardUID RemoveCell RemoveDuressPIN RemoveGroup RemoveBrokerClient
	RemoveMail RemovePIN RemovePlace RemoveProvider RemoveReader RemoveSchedule RemoveSuspendedUser RemoveTPMAuthority RemoveUser RemoveWebhook RenameGroup
	RenewBudget ResendDelivery ReturnCard RevokeToken SetAccessPolicy SetBrokers SetDuressPIN SetEmergency SetGuessBudget SetHolidays SetKeepDays SetLimit SetModeOfAll
	SetLockRule SetMail SetMode SetPIN SetPINReaders SetPasskeyRoles SetPolicy SetProvider SetRole SetUserGroups SetZone SignOutAdmin SuspendUser
	SwitchPIN TakeAccess TakeBackAdoption TakeVisitors TestMail TestWebhook TokenStands UnlockDoor WriteBackup WriteGrant`)

func TestEachMethodOfTheDeskReadsOrActs(t *testing.T) {
	t.Parallel()
	desk, ctx, actor := reflect.TypeFor[*Desk](), reflect.TypeFor[context.Context](), reflect.TypeFor[Actor]()
	found := map[string]bool{}
	for m := range desk.Methods() {
		if m.Type.NumIn() < 3 || m.Type.In(1) != ctx || m.Type.In(2) != actor {
			continue
		}
		found[m.Name] = true
		if reads := len(looks[m.Name]) > 0; reads == slices.Contains(doings, m.Name) {
			t.Errorf("nobody has said, in looks or in doings, whether %s reads or acts", m.Name)
		}
	}
	for name := range looks {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
	for _, name := range doings {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestWhoIsLimitedToALocationSeesNothingOfAnother(t *testing.T) {
	t.Parallel()
	w := newTwoPlaces(t)
	for name, ways := range looks {
		for i, look := range ways {
			see := func(a Actor, p onePlace) (string, error) {
				v, err := look.at(w, t.Context(), a, p)
				return shown(v), err
			}
			ask := func(who string, a Actor) {
				t.Helper()
				here, err1 := see(a, w.heim)
				there, err2 := see(a, w.zorn)
				all, err3 := see(w.owner, w.zorn)
				if a.token() != 0 && errors.Is(err1, ErrNoScope) {
					return
				}
				switch at := fmt.Sprintf("%s %d: %s", name, i, who); {
				case err3 != nil && look.kind != nothing:
					t.Errorf("%s: the Owner: %v", at, err3)
				case look.kind == nothing:
					if !errors.Is(err1, ErrNotAllowed) {
						t.Errorf("%s: %v", at, err1)
					}
				case err1 != nil:
					t.Errorf("%s: here: %v", at, err1)
				case strings.Contains(here, "zorn"), strings.Contains(there, "zorn"):
					t.Errorf("%s sees zorn: %s, %s", at, here, there)
				case look.kind == theirs:
					if !errors.Is(err2, ErrNotFound) {
						t.Errorf("%s: there: %v", at, err2)
					}
				case err2 != nil:
					t.Errorf("%s: there: %v", at, err2)
				case look.kind == some && (placesIn(here) != "heim" || placesIn(all) != "heim zorn"):
					t.Errorf("%s sees %q, and all is %q: %s\nof: %s", at, placesIn(here), placesIn(all), here, all)
				case look.kind == instead && (placesIn(here) != "heim" || !strings.Contains(all, "zorn")):
					t.Errorf("%s sees %q, and all there is %q: %s", at, placesIn(here), placesIn(all), here)
				case look.kind == fewer && here == all:
					t.Errorf("%s sees all: %s", at, all)
				case look.kind == allOfIt && here != all:
					t.Errorf("%s sees %s, not %s", at, here, all)
				}
			}
			ask("the administrator", w.local)
			ask("their token", w.program)
		}
	}
}

func TestAFeedGoesOnAfterWhatIsNotSeen(t *testing.T) {
	t.Parallel()
	w := newTwoPlaces(t)
	ctx := t.Context()
	for _, a := range []Actor{w.local, w.program} {
		feed, err := w.EventsAfter(ctx, a, 0, 0)
		w.must(err)
		last := feed.Newest
		for range 3 {
			w.records(w.zorn.reader, &wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1})
		}
		if feed, err = w.EventsAfter(ctx, a, last, 0); err != nil || len(feed.Events) != 0 || feed.Next != last+3 || feed.More {
			t.Errorf("%+v, %v", feed, err)
		}
		w.records(w.heim.reader, &wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1}, &wire.Record{Kind: wire.DoorForced})
		w.records(w.zorn.reader, &wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1})
		if feed, err = w.EventsAfter(ctx, a, last, 1); err != nil || len(feed.Events) != 1 || feed.Next != last+4 || !feed.More {
			t.Errorf("%+v, %v", feed, err)
		}
		if feed, err = w.EventsAfter(ctx, a, feed.Next, 1); err != nil || len(feed.Events) != 1 || feed.Events[0].Kind != string(wire.DoorForced) || feed.Next != last+6 || feed.More {
			t.Errorf("%+v, %v", feed, err)
		}
	}
}

func TestPagesOfALimitedAdministratorAreFull(t *testing.T) {
	t.Parallel()
	w := newTwoPlaces(t)
	ctx := t.Context()
	for range 20 {
		for _, p := range []onePlace{w.heim, w.zorn, w.zorn} {
			w.records(p.reader, &wire.Record{Kind: wire.AttemptUnknown, Seq: 1, Wrong: 1})
		}
	}
	whole, err := w.Activity(ctx, w.local, Query{Limit: 1000})
	w.must(err)
	for _, limit := range []int{1, 7} {
		var ids []int64
		q := Query{Limit: limit}
		for {
			page, err := w.Activity(ctx, w.local, q)
			w.must(err)
			for _, e := range page.Events {
				ids = append(ids, e.ID)
			}
			if page.Older == 0 {
				break
			}
			if q.Before = page.Older; len(page.Events) != limit {
				t.Fatalf("a page of %d with %d", limit, len(page.Events))
			}
		}
		if len(ids) != len(whole.Events) || !slices.EqualFunc(ids, whole.Events, func(id int64, e *Event) bool { return id == e.ID }) {
			t.Errorf("by %d: %v", limit, ids)
		}
	}
	page, total, err := w.LogPage(ctx, w.local, Query{}, nil, 5, 10)
	if err != nil || total != len(whole.Events) || len(page) != 10 || page[0].ID != whole.Events[5].ID {
		t.Errorf("%d of %d, %v", len(page), total, err)
	}
}

func TestALimitedAdministratorSeesWhatTheyAndTheirTokensDid(t *testing.T) {
	t.Parallel()
	w := newTwoPlaces(t)
	ctx := t.Context()
	other := w.limitedTo(Super, w.zorn.location)
	for _, a := range []Actor{w.local, w.program, other} {
		w.n++
		_, err := w.AddSchedule(ctx, a, ScheduleForm{fmt.Sprint("Of ", a.Name), officeHours()})
		w.must(err)
	}
	for _, c := range []struct {
		a    Actor
		sees []string
	}{{w.local, []string{w.program.Name, w.local.Name, w.local.Name}}, {w.program, []string{w.program.Name, w.local.Name, w.local.Name}}, {other, []string{other.Name}}} {
		page, err := w.Activity(ctx, c.a, Query{Kind: "admin." + string(EditSchedules)})
		w.must(err)
		var who []string
		for _, e := range page.Events {
			who = append(who, e.Who)
		}
		if !slices.Equal(who, c.sees) {
			t.Errorf("%s sees acts of %q, not %q", c.a.Name, who, c.sees)
		}
	}
	viewer := w.limitedTo(Viewer, w.heim.location)
	page, err := w.Activity(ctx, viewer, Query{Limit: 1000})
	w.must(err)
	for _, e := range page.Events {
		if e.Source == "admin" {
			t.Errorf("who may only look sees %s", e.Text)
		}
	}
}

func TestNobodyLearnsWhetherAUserWasElsewhere(t *testing.T) {
	t.Parallel()
	w := newTwoPlaces(t)
	ctx := t.Context()
	grace, _, err := w.AddUser(ctx, w.owner, UserForm{First: "Grace", Last: "Hopper"}, PIN{}, nil)
	w.must(err)
	look := func(a Actor) string {
		var all []any
		for _, name := range []string{"Hopper", "zorn d", "nobody"} {
			page, err := w.Activity(ctx, a, Query{Name: name})
			all = append(all, page, fmt.Sprint(err))
		}
		for _, state := range []UserState{store.UnseenUsers, store.CopiedUsers} {
			page, err := w.Users(ctx, a, UserQuery{State: state})
			w.must(err)
			all = append(all, page)
		}
		u, err := w.User(ctx, a, grace)
		w.must(err)
		return shown(append(all, u))
	}
	w.pass(91 * day)
	before, all := look(w.local), look(w.owner)
	w.records(w.zorn.reader, &wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: grace, Seconds: 5})
	w.must(w.site.Update(ctx, func(tx *store.Tx) error {
		return tx.AddAlarm(&store.Alarm{Reader: w.zorn.reader, Kind: store.CardCopied, User: grace, At: w.time.UnixMilli(), Text: "A copy was shown"})
	}))
	if after := look(w.local); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
	if look(w.owner) == all {
		t.Error("the Owner sees no difference")
	}
	w.records(w.heim.reader, &wire.Record{Kind: wire.AccessGranted, By: wire.ByPIN, User: grace, Seconds: 5})
	if look(w.local) == before {
		t.Error("whoever was here is not seen here")
	}
}

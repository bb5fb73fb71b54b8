package store

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// counted are the tables whose ids differ between the engines, since PostgreSQL passes over the ids of
// what it did not keep, and the columns that hold them.
var counted = map[string][]string{
	"users":       {"users.id", "user_groups.user_id", "credentials.user_id", "activity.user_id", "audit.user_id", "alarms.user_id"},
	"credentials": {"credentials.id", "pin_uses.credential_id"},
	"groups":      {"groups.number"},
	"locations":   {"locations.id", "hubs.location_id"},
	"hubs":        {"hubs.id", "doors.hub_id"},
	"doors":       {"doors.id", "readers.door_id"},
	"schedules":   {"schedules.id", "schedule_uses.schedule_id"},
	"holidays":    {"holidays.id"},
	"admins":      {"admins.id", "links.admin_id", "browsers.admin_id", "tokens.admin_id"},
	"tokens":      {"tokens.id"}, "webhooks": {"webhooks.id"}, "names": {"names.id", "activity.subject", "activity.door", "activity.who"},
	"activity": {"activity.id", "activity.part_of", "act_orders.act", "policies.act", "journals.opener", "journals.opening", "ages.activity", "users.seen"}, "audit": {"audit.id", "ages.audit"}, "alarms": {"alarms.id"},
}

// emptied are the tables that the test fills, those first that refer to others.
var emptied = strings.Fields(`pin_uses user_groups credentials schedule_uses schedules own_holidays holidays links browsers tokens webhooks webhook_hosts besides act_orders activity names audit alarms users groups
	states policies journals readers doors hubs locations admins throttles mail oidc sign_in cards tpm_authorities ages clock changes`)

// An engineModel does the same in both engines.
type engineModel struct {
	r      *rapid.T
	stores [2]*Store // SQLite, PostgreSQL
	now    int64
}

// rowsOf returns the rows of all tables with each id as which of its kind it is.
func rowsOf(s *Store, r *rapid.T) (rows []string) {
	db := func() *sql.DB {
		if e, is := s.engine.(*postgresEngine); is {
			return e.db
		}
		return s.engine.(*sqliteEngine).db
	}()
	nth := map[string]map[int64]string{}
	for table, columns := range counted {
		ids := map[int64]string{}
		name := strings.TrimPrefix(columns[0], table+".")
		found, err := db.Query(`SELECT ` + name + ` FROM ` + table + ` ORDER BY ` + name)
		if err != nil {
			r.Fatal(err)
		}
		for found.Next() {
			var id int64
			if err := found.Scan(&id); err != nil {
				r.Fatal(err)
			}
			ids[id] = fmt.Sprint("nr ", len(ids)+1)
		}
		for _, column := range columns {
			nth[column] = ids
		}
	}
	for _, table := range emptied {
		found, err := db.Query(`SELECT * FROM ` + table)
		if err != nil {
			r.Fatal(err)
		}
		columns, _ := found.Columns()
		for found.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := found.Scan(into...); err != nil {
				r.Fatal(err)
			}
			row := table
			for i, column := range columns {
				if id, is := values[i].(int64); is && nth[table+"."+column][id] != "" {
					values[i] = nth[table+"."+column][id]
				}
				switch table + "." + column {
				case "activity.row", "changes.change", "changes.hash": // which depend on ids
					values[i] = ""
				}
				row += fmt.Sprintf(" %s=%v", column, values[i])
			}
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	return rows
}

// one draws one of some values.
func one[T any](m *engineModel, what string, of ...T) T {
	return rapid.SampledFrom(of).Draw(m.r, what)
}

// both does an act in both engines: it is done, or fails with the same error, in both.
func (m *engineModel) both(what string, act func(tx *Tx) error) {
	var errs [2]error
	for i, s := range m.stores {
		errs[i] = s.Update(m.r.Context(), func(tx *Tx) error {
			failed := tx.Try(func() error { return act(tx) })
			if failed == nil || strings.HasPrefix(failed.Error(), "database: ") {
				return failed
			}
			return tx.MarkAge(clock.Steady(m.now)) // the transaction goes on
		})
	}
	said := func(err error) string {
		if err != nil && strings.HasPrefix(err.Error(), "database: ") {
			return "database"
		}
		return fmt.Sprint(err)
	}
	if said(errs[0]) != said(errs[1]) {
		m.r.Fatalf("%s: SQLite: %v; PostgreSQL: %v", what, errs[0], errs[1])
	}
}

// compare compares all that is stored.
func (m *engineModel) compare() {
	if rows, others := rowsOf(m.stores[0], m.r), rowsOf(m.stores[1], m.r); !slices.Equal(rows, others) {
		for _, row := range rows {
			if !slices.Contains(others, row) {
				m.r.Errorf("only in SQLite: %s", row)
			}
		}
		for _, row := range others {
			if !slices.Contains(rows, row) {
				m.r.Errorf("only in PostgreSQL: %s", row)
			}
		}
		m.r.Fatal("the engines differ")
	}
}

// nthUser returns one of the users, or nil.
func nthUser(tx *Tx, n int) (*User, error) {
	users, err := tx.Users()
	if err != nil || n >= len(users) {
		return nil, err
	}
	return users[n], nil
}

// step does one random act.
func (m *engineModel) step() {
	m.now += int64(one(m, "seconds", 0, 1, 4000))
	now, n := m.now, one(m, "which", 0, 1, 2)
	name := one(m, "name", "Ada", "ada", "Ádá", "Bob", "Zoë O'Hara", "_%")
	switch act := one(m, "act", "user", "edit", "credential", "remove", "place", "move", "schedule", "rename schedule", "holiday", "admin", "token", "webhook", "host", "record", "note", "state", "mail", "provider", "link", "throttle", "group", "replace", "card", "authority", "uses", "find"); act {
	case "user":
		m.both(act, func(tx *Tx) error {
			return tx.AddUser(&User{Name: name, Groups: []string{"staff"}, Created: now})
		})
	case "edit":
		groups, suspended := one(m, "groups", []string{"staff"}, []string{"crew", "staff"}, nil), one(m, "suspended", true, false)
		m.both(act, func(tx *Tx) error {
			u, err := nthUser(tx, n)
			if u == nil {
				return err
			}
			u.Name, u.Groups, u.Suspended, u.First, u.Last = name, groups, suspended, "", ""
			return tx.SetUser(now, u)
		})
	case "credential":
		tag, kind, uses := newTag(one(m, "tag", byte(1), 2, 3, 4)), one(m, "kind", wire.PIN, wire.Card), one(m, "uses", uint8(0), 3)
		if kind == wire.Card {
			uses = 0
		}
		m.both(act, func(tx *Tx) error {
			u, err := nthUser(tx, n)
			if u == nil {
				return err
			}
			return tx.AddCredential(now, u, &Credential{Kind: kind, Tag: tag, Uses: uses}, func(uint64) []byte { return []byte("sealed") })
		})
	case "remove":
		user := one(m, "a user", true, false)
		m.both(act, func(tx *Tx) error {
			if user {
				u, err := nthUser(tx, n)
				if u == nil {
					return err
				}
				return tx.RemoveUser(u.ID)
			}
			all, err := tx.Credentials()
			if err != nil || n >= len(all) {
				return err
			}
			return tx.RemoveCredential(now, all[n])
		})
	case "place":
		reader := one(m, "reader", "front", "back")
		location := one(m, "location", "", "Home", "Annex")
		m.both(act, func(tx *Tx) error {
			if err := tx.exec(`INSERT INTO readers (id, created) VALUES (?, 1) ON CONFLICT DO NOTHING`, reader); err != nil {
				return err
			}
			if location == "" {
				location = "Home"
			}
			return tx.PlaceReader(reader, location, name)
		})
	case "move":
		level := one(m, "level", Locations, Hubs, Doors)
		m.both(act, func(tx *Tx) error {
			places, err := tx.Places(level)
			if err != nil || n >= len(places) {
				return err
			}
			p := places[n]
			p.Name = name
			return tx.SetPlace(level, p)
		})
	case "schedule":
		m.both(act, func(tx *Tx) error { return tx.AddSchedule(&Schedule{Name: name, Hours: &wire.Schedule{}}) })
	case "rename schedule":
		m.both(act, func(tx *Tx) error {
			all, err := tx.Schedules()
			if err != nil || n >= len(all) {
				return err
			}
			all[n].Name = name
			return tx.SetSchedule(all[n])
		})
	case "holiday":
		first, yearly, long := time.Date(2027, 1, 1+n, 0, 0, 0, 0, time.UTC), one(m, "yearly", true, false), one(m, "days", 0, 1)
		m.both(act, func(tx *Tx) error {
			all, err := tx.Holidays()
			if err != nil {
				return err
			}
			h := &Holiday{Name: name, First: first, Last: first.AddDate(0, 0, long), Yearly: yearly}
			if n >= len(all) {
				return tx.AddHoliday(h)
			}
			h.ID = all[n].ID
			return tx.SetHoliday(h)
		})
	case "admin":
		m.both(act, func(tx *Tx) error { return tx.AddAdmin(&Admin{Name: name, Role: "owner"}) })
	case "token":
		m.both(act, func(tx *Tx) error {
			return tx.AddToken(&Token{Name: name, Hash: wire.Sum([]byte(name)), Scopes: []string{"read"}})
		})
	case "webhook":
		m.both(act, func(tx *Tx) error { return tx.AddWebhook(&Webhook{Name: name, URL: name, Style: StyleUniFi}) })
	case "host":
		m.both(act, func(tx *Tx) error { return tx.AllowWebhookHost(&WebhookHost{Host: name, Who: name, Created: now}) })
	case "record":
		m.both(act, func(tx *Tx) error {
			var reader string
			if err := tx.rowIfAny(`SELECT id FROM readers ORDER BY id LIMIT 1`, nil, &reader); err != nil || reader == "" {
				return err
			}
			if err := tx.AddAlarm(&Alarm{Reader: reader, Kind: JournalGap, At: now, Text: name}); err != nil {
				return err
			}
			return tx.setJournals([]*Journal{{Reader: reader, Number: uint64(now), Forked: n == 1}})
		})
	case "note":
		m.both(act, func(tx *Tx) error {
			if n == 1 {
				return tx.AddRefused(&Audit{At: now, Who: name, Outcome: Refused})
			}
			return tx.AddAudit(&Audit{At: now, Who: name, Subject: name, Outcome: Done})
		})
	case "state":
		m.both(act, func(tx *Tx) error { return tx.SetStates(&State{Reader: "front", Counter: uint64(n), Offline: n == 1}) })
	case "mail":
		m.both(act, func(tx *Tx) error { return tx.SetMail(&Mail{Host: name, User: name, Security: "tls", Names: n == 1}) })
	case "provider":
		m.both(act, func(tx *Tx) error {
			return tx.SetOIDC(&OIDC{Issuer: name, Roles: map[string]string{name: "owner"}, Owners: n == 1})
		})
	case "link":
		m.both(act, func(tx *Tx) error {
			l := &OneTimeLink{Hash: wire.Sum([]byte(name)), Ends: clock.Steady(now)}
			if admins, err := tx.Admins(); err != nil {
				return err
			} else if n < len(admins) {
				l.Admin = admins[n].ID
			}
			return tx.AddOneTimeLink(l)
		})
	case "throttle":
		m.both(act, func(tx *Tx) error { return tx.SetThrottle(&Throttle{What: name, Failures: n}) })
	case "group":
		m.both(act, func(tx *Tx) error { _, err := tx.MakeGroup(name); return err })
	case "replace":
		by := one(m, "by", "", "crew "+name)
		m.both(act, func(tx *Tx) error {
			_, err := tx.ReplaceGroup(now, "staff", by)
			return err
		})
	case "card":
		m.both(act, func(tx *Tx) error { return tx.SetCard(&Card{ID: [16]byte{byte(n)}, Reader: name, Factory: n == 1}) })
	case "authority":
		m.both(act, func(tx *Tx) error { return tx.AddTPMAuthority(now, []byte(name+strings.Repeat("x", 5000))) })
	case "uses":
		m.both(act, func(tx *Tx) error {
			all, err := tx.Credentials()
			if err != nil || n >= len(all) {
				return err
			}
			_, _, err = tx.CountUses(all[n], PINUse{Reader: "front", Uses: uint8(n + 1), First: now})
			return err
		})
	case "find":
		var found [2]string
		for i, s := range m.stores {
			err := s.View(m.r.Context(), func(tx *Tx) error {
				page, err := tx.FindUsers(UserChoice{Search: name, Groups: []string{"staff", name}}, UserCursor{}, 10)
				if err != nil {
					return err
				}
				for _, u := range page.Users {
					found[i] += u.Name + " "
				}
				found[i] += fmt.Sprint(page.Total, page.Found)
				events, err := tx.Activity(ActivityFilter{Limit: 100})
				for _, e := range events {
					found[i] += fmt.Sprint(e.Class, e.Kind, e.Subject, e.Who, e.Door, err, " ")
				}
				return err
			})
			if err != nil {
				m.r.Fatal(err)
			}
		}
		if found[0] != found[1] {
			m.r.Fatalf("SQLite finds %s; PostgreSQL %s", found[0], found[1])
		}
	}
}

func TestBothEnginesDoTheSame(t *testing.T) {
	t.Parallel()
	var stores [2]*Store
	for i, address := range []string{"", newPostgres(t)} {
		s, err := Create(t.Context(), t.TempDir(), address)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		stores[i] = s
		update(t, s, func(tx *Tx) error {
			return tx.AddEpoch(&Epoch{Number: noon, Created: noon, Key: []byte("sealed")})
		})
	}
	rapid.Check(t, func(r *rapid.T) {
		for _, s := range stores {
			update(t, s, func(tx *Tx) error {
				for _, table := range emptied {
					if err := tx.exec(`DELETE FROM ` + table); err != nil {
						return err
					}
				}
				return nil
			})
		}
		m := &engineModel{r: r, stores: stores, now: noon}
		for range rapid.IntRange(1, 25).Draw(r, "acts") {
			m.step()
		}
		m.compare()
	})
}

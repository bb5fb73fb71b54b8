package desk

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/device/pin"
	"latchkey/sync/wire"
)

// crowded returns a desk whose site has 100,000 users, some of them with a card.
func crowded(b *testing.B) *Desk {
	b.Helper()
	return crowdedIn(b, filepath.Join(b.TempDir(), "site"))
}

// crowdedIn is crowded with the site in a directory.
func crowdedIn(b *testing.B, dir string) *Desk {
	b.Helper()
	const users = 100_000
	s, err := site.Create(b.Context(), dir, "", "home", "UTC", clock.Read())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	random := rand.New(rand.NewPCG(1, 2))
	word := func(syllables int) (text string) {
		for range syllables {
			text += string("bdfgklmnprstvz"[random.IntN(14)]) + string("aeiou"[random.IntN(5)])
		}
		return text
	}
	now := time.Now().Unix()
	var names []string
	for range 2000 {
		names = append(names, word(2+random.IntN(2)))
	}
	err = s.Update(b.Context(), func(tx *store.Tx) error {
		for i := range users {
			u := &store.User{First: names[random.IntN(500)], Last: names[random.IntN(len(names))], Groups: []string{fmt.Sprint("team-", i%100)}, Created: now}
			if i%10 == 0 { // visitors, most of whose dates have ended
				u.From, u.Until = now-int64(1+i%900)*3600, now-int64(i%900-100)*3600
			}
			u.Name = u.First + " " + u.Last
			if err := tx.AddUser(u); err != nil {
				return err
			}
			if i%50 != 0 {
				continue
			}
			if err := s.AddCard(tx, time.Unix(now, 0), "root", u.ID, []byte{4, byte(i >> 16), byte(i >> 8), byte(i), 1, 2, 3}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return New(Options{Site: s})
}

// BenchmarkCrowd measures the slowest pages of a site with 100,000 users.
func BenchmarkCrowd(b *testing.B) {
	d := crowded(b)
	// The first page, one in the middle, and searches that find many, few and none.
	for _, c := range []struct {
		name string
		q    UserQuery
	}{
		{"list/first", UserQuery{}}, {"list/middle", UserQuery{After: encodeCursor(store.UserCursor{Sort: store.SortKey("m")})}},
		{"search/many", UserQuery{Search: "ba"}}, {"search/few", UserQuery{Search: "za team-7 be"}}, {"search/none", UserQuery{Search: "nobody like this"}},
		{"state/valid", UserQuery{State: store.ValidUsers, Search: "ba"}}, {"state/expired", UserQuery{State: store.ExpiredUsers}},
		{"order/until", UserQuery{State: store.ValidUsers, Order: store.ByUntil}}, {"order/seen", UserQuery{Order: store.BySeenDown}}, {"order/seen-found", UserQuery{Order: store.BySeenDown, Search: "ba"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				page, err := d.Users(b.Context(), as(Viewer), c.q)
				took = append(took, time.Since(began))
				if err != nil || page.Total != 100_000 || (len(page.Users) == 0) != (c.name == "search/none") {
					b.Fatalf("%+v, %v", page, err)
				}
			}
			slices.Sort(took)
			b.ReportMetric(milliseconds(took[len(took)/2]), "ms-median")
			b.ReportMetric(milliseconds(took[len(took)*9/10]), "ms-90%")
		})
	}
	// Who may open a door of two readers: everybody, a hundredth, and one of these.
	for _, c := range []struct {
		name, group string
		q           OpenerQuery
	}{
		{"door/everyone", wire.Everyone, OpenerQuery{}}, {"door/middle", wire.Everyone, OpenerQuery{After: encodeCursor(store.UserCursor{Sort: store.SortKey("m")})}},
		{"door/group", "team-7", OpenerQuery{}}, {"door/search", "team-7", OpenerQuery{Search: "ba"}},
	} {
		var readers []*Reader
		for range 2 {
			p := wire.DefaultPolicy("front-door", "Front door")
			p.Access = []wire.Access{{Group: c.group, Schedule: evening()}}
			readers = append(readers, &Reader{ID: p.Reader, Bundle: 1, Policy: &p, Level: wire.Level})
		}
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				page, err := d.DoorAccess(b.Context(), as(Viewer), readers, c.q)
				took = append(took, time.Since(began))
				if err != nil || len(page.Openers) == 0 {
					b.Fatalf("%+v, %v", page, err)
				}
			}
			slices.Sort(took)
			b.ReportMetric(milliseconds(took[len(took)/2]), "ms-median")
			b.ReportMetric(milliseconds(took[len(took)*9/10]), "ms-90%")
		})
	}
	// Argon2id alone, for comparison.
	b.Run("pin", func(b *testing.B) {
		var whole, alone time.Duration
		n := 0
		for ; b.Loop(); n++ {
			digits, err := pin.Generate()
			if err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			if _, err := pin.Material(digits, wire.KDF{Memory: 19 << 10, Time: 2, Threads: 4, Salt: [16]byte{1}}); err != nil {
				b.Fatal(err)
			}
			alone += time.Since(began)
			began = time.Now()
			if _, err := d.SetPIN(b.Context(), as(Editor), uint64(1+rand.N(100_000)), PIN{Choice: Auto}); err != nil {
				b.Fatal(err)
			}
			whole += time.Since(began)
		}
		b.ReportMetric(milliseconds(whole-alone)/float64(n), "ms-beyond-argon2id")
		b.ReportMetric(milliseconds(alone)/float64(n), "ms-argon2id")
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

package desk

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkNumberedUsers measures what programs read of a site with 100,000 users.
func BenchmarkNumberedUsers(b *testing.B) {
	d := crowded(b)
	for _, c := range []struct {
		name        string
		n           NumberedUsers
		skip, limit int
	}{
		{"list/first", NumberedUsers{}, 0, 25}, {"list/middle", NumberedUsers{}, 50_000, 25}, {"list/last", NumberedUsers{}, 99_000, 1000},
		{"search/many", NumberedUsers{Search: "ba"}, 0, 25}, {"search/few", NumberedUsers{Search: "za team-7 be"}, 0, 25}, {"search/none", NumberedUsers{Search: "nobody like this"}, 0, 25},
		{"search/deep", NumberedUsers{Search: "team"}, 99_000, 1000}, {"status", NumberedUsers{Search: "ba", Suspended: new(bool)}, 0, 1000}, {"id", NumberedUsers{IDs: []uint64{70_000}}, 0, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				users, found, err := d.NumberedUsers(b.Context(), as(Viewer), c.n, c.skip, c.limit)
				took = append(took, time.Since(began))
				if err != nil || (len(users) == 0) != (c.name == "search/none") || found < len(users) {
					b.Fatalf("%d of %d, %v", len(users), found, err)
				}
			}
			reportTimes(b, took)
		})
	}
	b.Run("policies", func(b *testing.B) { // which expand[]=access_policy adds to a page
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			all, err := d.AccessPolicies(b.Context(), as(Viewer))
			took = append(took, time.Since(began))
			if err != nil || len(all) != 101 {
				b.Fatal(len(all), err)
			}
		}
		reportTimes(b, took)
	})
	for name, skip := range map[string]int{"cards/first": 0, "cards/last": 1_000} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				cards, _, err := d.NumberedCards(b.Context(), as(Viewer), skip, 1000)
				took = append(took, time.Since(began))
				if err != nil || len(cards) != 1000 {
					b.Fatal(len(cards), err)
				}
			}
			reportTimes(b, took)
		})
	}
}

func reportTimes(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "ms-median")
	b.ReportMetric(milliseconds(took[len(took)*9/10]), "ms-90%")
}

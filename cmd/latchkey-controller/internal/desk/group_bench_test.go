package desk

import (
	"fmt"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// BenchmarkGroups measures the groups of a site with 100,000 users, and the renaming of one
// with 10,000 members who have a card each.
func BenchmarkGroups(b *testing.B) {
	d := crowded(b)
	err := d.site.Update(b.Context(), func(tx *store.Tx) error {
		for i := range 10_000 {
			u := &store.User{Name: fmt.Sprint("Member ", i), Groups: []string{"crew"}}
			if err := tx.AddUser(u); err != nil {
				return err
			}
			c := &store.Credential{Kind: wire.Card, Tag: wire.Tag{byte(i >> 8), byte(i), 2}}
			if err := tx.AddCredential(1, u, c, func(uint64) []byte { return []byte("sealed") }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if page, err := d.ListGroups(b.Context(), as(Viewer), GroupQuery{}); err != nil || page.Total != 102 {
				b.Fatalf("%+v, %v", page, err)
			}
		}
	})
	b.Run("members", func(b *testing.B) {
		for b.Loop() {
			if page, err := d.Users(b.Context(), as(Viewer), UserQuery{Group: "team-7"}); err != nil || page.Found != 1000 {
				b.Fatalf("%+v, %v", page, err)
			}
		}
	})
	b.Run("rename", func(b *testing.B) {
		names := []string{"crew", "staff"}
		for i := 0; b.Loop(); i++ {
			if err := d.RenameGroup(b.Context(), as(Owner), names[i%2], "", names[(i+1)%2]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

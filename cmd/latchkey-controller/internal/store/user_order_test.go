package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// orders returns all orders of users.
func orders() []UserOrder {
	return []UserOrder{"", ByName, ByNameDown, ByUntil, ByUntilDown, BySeen, BySeenDown, ByAdded, ByAddedDown}
}

// inOrder compares two users as a list in an order has them.
func inOrder(order UserOrder, seen map[uint64]int64, a, b *User) int {
	column, down := strings.CutPrefix(string(order), "-")
	sign := 1
	if down {
		sign = -1
	}
	named := cmp.Or(cmp.Compare(SortKey(a.Name), SortKey(b.Name)), cmp.Compare(a.ID, b.ID))
	endless := func(u *User) int64 { return cmp.Or(u.Until, 1<<62) }
	switch UserOrder(column) {
	case ByAdded:
		return sign * cmp.Compare(a.ID, b.ID)
	case ByUntil:
		if a.Until == 0 && b.Until == 0 {
			return named
		}
		return sign * cmp.Or(cmp.Compare(endless(a), endless(b)), named)
	case BySeen:
		if seen[a.ID] == 0 && seen[b.ID] == 0 {
			return named
		}
		return sign * cmp.Compare(seen[a.ID], seen[b.ID])
	}
	return sign * named
}

func TestAListOfUsersIsInItsOrderPageAfterPage(t *testing.T) {
	s := newStore(t)
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(r, "users")
		update(t, s, func(tx *Tx) error {
			if err := tx.exec(`DELETE FROM users`); err != nil {
				return err
			}
			for i := range n {
				u := &User{Name: rapid.SampledFrom([]string{"Ada", "Bob", "ärger", "Zoë"}).Draw(r, "name"), Until: rapid.Int64Range(0, 3).Draw(r, "until")}
				if err := tx.AddUser(u); err != nil {
					return err
				}
				var seen int64
				if rapid.Bool().Draw(r, "came") {
					seen = int64((i*7)%13 + 1) // each once
				}
				suspended := rapid.IntRange(0, 1).Draw(r, "suspended")
				if err := tx.exec(`UPDATE users SET seen = ?, suspended = ? WHERE id = ?`, seen, suspended, u.ID); err != nil {
					return err
				}
			}
			return nil
		})
		c := UserChoice{
			Order: rapid.SampledFrom(orders()).Draw(r, "order"), Now: 1, AddedBefore: noon, SeenSince: 5,
			State:  rapid.SampledFrom([]UserState{AnyState, ValidUsers, ExpiredUsers, BareUsers, SuspendedUsers, UnseenUsers}).Draw(r, "state"),
			Search: rapid.SampledFrom([]string{"", "a"}).Draw(r, "search"),
		}
		limit := rapid.IntRange(1, 5).Draw(r, "limit")
		err := s.View(t.Context(), func(tx *Tx) error {
			all, err := tx.Users()
			if err != nil {
				return err
			}
			seen := map[uint64]int64{}
			err = tx.rows(`SELECT id, seen FROM users`, nil, func(r scanner) error {
				var id uint64
				var event int64
				err := r.Scan(&id, &event)
				seen[id] = event
				return err
			})
			if err != nil {
				return err
			}
			want := slices.DeleteFunc(all, func(u *User) bool {
				valid := (u.Until == 0 || u.Until > c.Now)
				in := map[UserState]bool{AnyState: true, ValidUsers: valid && !u.Suspended, ExpiredUsers: !valid, BareUsers: true, SuspendedUsers: u.Suspended, UnseenUsers: seen[u.ID] <= c.SeenSince}
				return !in[c.State] || c.Search != "" && u.Name != "Ada" && u.Name != "ärger"
			})
			slices.SortFunc(want, func(a, b *User) int { return inOrder(c.Order, seen, a, b) })
			var got []*User
			var after UserCursor
			for {
				page, err := tx.FindUsers(c, after, limit)
				if err != nil {
					return err
				}
				if page.Found != len(want) || len(page.Users) > limit {
					return fmt.Errorf("%d are found of %d, %d on a page of %d", page.Found, len(want), len(page.Users), limit)
				}
				if got, after = append(got, page.Users...), page.Next; after == (UserCursor{}) {
					break
				}
			}
			if !slices.EqualFunc(got, want, func(a, b *User) bool { return a.ID == b.ID }) {
				return fmt.Errorf("%+v by %d: %s, want %s", c, limit, described(got), described(want))
			}
			return nil
		})
		if err != nil {
			r.Fatal(err)
		}
	})
}

func described(users []*User) (text string) {
	for _, u := range users {
		text += fmt.Sprintf("%d %s until %d; ", u.ID, u.Name, u.Until)
	}
	return text
}

func TestAPageOfAllUsersInAnOrderReadsNoMoreThanItShows(t *testing.T) {
	postgrestest.SQLiteOnly(t)
	s := newStore(t)
	update(t, s, func(tx *Tx) error {
		for _, order := range orders() {
			for _, state := range []UserState{AnyState, ValidUsers} {
				for _, after := range []*UserCursor{nil, {Sort: "15", ID: 7, Key: 9}} {
					c := UserChoice{Order: order, State: state}
					for _, run := range c.runs() {
						query, args := c.pageQuery(run, after)
						plan, err := planOf(tx, query, append(args, 50))
						if err != nil {
							return err
						}
						if strings.Contains(plan, "B-TREE FOR ORDER BY") || after != nil && !strings.Contains(plan, "SEARCH") {
							t.Errorf("%s: %s", query, plan)
						}
					}
				}
			}
		}
		return nil
	})
}

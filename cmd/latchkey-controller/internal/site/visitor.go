package site

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// VisitorGroup returns the group of those who visit a door.
func VisitorGroup(door int64) string { return store.VisitorGroups + strconv.FormatInt(door, 10) }

// VisitorDoor returns the door that a group of visitors opens; 0: it is another group.
func VisitorDoor(group string) int64 {
	number, is := strings.CutPrefix(group, store.VisitorGroups)
	door, err := strconv.ParseInt(number, 10, 64)
	if !is || err != nil || door <= 0 || group != VisitorGroup(door) {
		return 0
	}
	return door
}

// IsVisitorGroup says whether a group is one of visitors.
func IsVisitorGroup(group string) bool { return VisitorDoor(group) != 0 }

// admitVisitors puts the group of visitors into a policy if the reader's door takes them, and no
// other one.
func admitVisitors(tx *store.Tx, p *wire.Policy) error {
	own := ""
	if door, err := tx.VisitedAt(p.Reader); err != nil {
		return err
	} else if door != 0 {
		own = VisitorGroup(door)
	}
	access, has := []wire.Access{}, false
	for _, a := range p.Access {
		if IsVisitorGroup(a.Group) {
			if a.Group != own || has {
				continue
			}
			a.Schedule, has = nil, true
		}
		access = append(access, a)
	}
	if own != "" && !has {
		access = append(access, wire.Access{Group: own})
	}
	if len(access) > 0 || p.Access != nil {
		p.Access = access
	}
	return nil
}

// TakeVisitors has a door take visitors, or not: that is, its readers open to the group of its
// visitors, always.
func TakeVisitors(tx *store.Tx, now time.Time, door int64, take bool) error {
	if err := tx.SetTakesVisitors(door, take); err != nil {
		return err
	}
	readers, err := tx.ReadersAt(store.Doors, door)
	if err != nil {
		return err
	}
	for _, id := range readers {
		p, err := tx.Policy(id)
		if err != nil {
			return err
		}
		if err := SetPolicy(tx, now, p); err != nil {
			return err
		}
	}
	return nil
}

// EndInvitation ends a visitor's time, and takes away their PIN and cards. They stay a user
// until they are removed.
func EndInvitation(tx *store.Tx, now time.Time, u *store.User) error {
	if _, err := removeCredentials(tx, now, u.ID, func(*store.Credential) bool { return true }); err != nil {
		return err
	}
	u.Until = now.Unix()
	u.From = min(u.From, u.Until-1) // it may not have begun
	return tx.SetUser(now.Unix(), u)
}

// VisitorDoors returns the doors that a user's groups of visitors open, by their numbers.
func VisitorDoors(u *store.User) (doors []int64) {
	for _, group := range u.Groups {
		if door := VisitorDoor(group); door != 0 {
			doors = append(doors, door)
		}
	}
	slices.Sort(doors)
	return doors
}
